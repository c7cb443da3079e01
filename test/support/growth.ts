// Measures growth over readings at equal distances, along the straight line that fits them best. So
// one low reading at the end hides no steady growth, and one high reading is not mistaken for it.

/** From the first reading to the last. */
export function growthOf(readings: readonly number[]): number {
  const middle = (readings.length - 1) / 2;
  let [above, across] = [0, 0];
  for (const [n, reading] of readings.entries()) {
    above += (n - middle) * reading;
    across += (n - middle) ** 2;
  }
  return across === 0 ? 0 : (above / across) * (readings.length - 1);
}
