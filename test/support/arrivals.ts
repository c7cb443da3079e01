// Counts arrivals as a strict upstream would.

/** The largest number of spans, [from, to), that have a moment in common. */
export function mostAtOnce(spans: readonly (readonly [from: number, to: number])[]): number {
  const ends = spans.map(([, to]) => to).sort((a, b) => a - b);
  const starts = spans.map(([from]) => from).sort((a, b) => a - b);
  let most = 0;
  let over = 0;
  for (const [begun, from] of starts.entries()) {
    while ((ends[over] as number) <= from) over++;
    most = Math.max(most, begun + 1 - over);
  }
  return most;
}

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
