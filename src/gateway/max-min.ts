// How the seats of one call are shared among those who want them: weighted max-min fairness in whole
// seats. Nobody gets more than they want, no seat stays empty while somebody wants it, and each seat
// goes to whoever has the least for their weight. Pure.

/** One who wants seats. */
export interface Want {
  readonly seats: number;
  /** Above 0. */
  readonly weight: number;
}

/** Levels closer than this are taken for equal. */
const EXACTNESS = 1e-9;

/** The seats of each, in the order of `wants`; among equals the earlier ones get what cannot be divided. */
export function maxMin(wants: readonly Want[], capacity: number): number[] {
  const wanted = wants.reduce((sum, { seats }) => sum + seats, 0);
  if (wanted <= capacity) return wants.map(({ seats }) => seats);
  // Water rises in vessels as wide as their weights until it has filled all seats.
  const sharesAt = (level: number) =>
    wants.map(({ seats, weight }) => Math.min(seats, Math.floor(level * weight + EXACTNESS)));
  let low = 0;
  let high = Math.max(...wants.map(({ seats, weight }) => seats / weight));
  while (high - low > EXACTNESS) {
    const middle = (low + high) / 2;
    if (sum(sharesAt(middle)) > capacity) high = middle;
    else low = middle;
  }
  const shares = sharesAt(low);
  let left = capacity - sum(shares);
  for (const [index, share] of sharesAt(high).entries()) {
    if (left === 0) break;
    if (share === shares[index]) continue;
    shares[index] = share; // one more seat, at the level where the water stands
    left--;
  }
  return shares;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
