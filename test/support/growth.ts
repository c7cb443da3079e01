// How much something grows over readings at equal distances: along the straight line that fits all of them best, so
// that one low reading in the end hides no steady growth, and one high one is not taken for it.

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
