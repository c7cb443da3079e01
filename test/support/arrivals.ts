// Counting as a strict upstream would.

/** The largest number of times within any second [t, t + 1000). */
export function mostInAnySecond(timesMs: readonly number[]): number {
  const sorted = timesMs.toSorted((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [last, timeMs] of sorted.entries()) {
    while (timeMs - (sorted[first] as number) >= 1000) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
