// Finds the most arrivals that any second can have held. The upstream counted each call at one
// unknown moment of its interval, so a second can have held as many as there are intervals that
// reach into it. Pure. Times are whole microseconds, because comparing fractions of a millisecond
// would be unreliable.

/** When a call can have been counted, both ends included. */
export interface Interval {
  readonly fromUs: number;
  readonly toUs: number;
}

export interface MostArrivals {
  readonly arrivals: number;
  /** Beginning of the half-open second; the earliest of equals. */
  readonly secondFromUs: number;
}

const SECOND_US = 1_000_000;

/**
 * Searches all half-open seconds [t, t + 1 s), wherever they begin. An interval reaches into one if
 * it begins before t + 1 s and ends at t or later. Undefined without any interval.
 */
export function mostArrivals(intervals: readonly Interval[]): MostArrivals | undefined {
  const begins = Float64Array.from(intervals, ({ fromUs }) => fromUs).sort();
  const ends = Float64Array.from(intervals, ({ toUs }) => toUs).sort();
  let most: MostArrivals | undefined;
  let begun = 0;
  // Only seconds that begin where an interval ends need a check: any other second can begin later,
  // at the first end among its intervals, without losing any.
  for (const [over, endUs] of ends.entries()) {
    while (begun < begins.length && (begins[begun] as number) < endUs + SECOND_US) begun++;
    // Of equal ends, the first still counts the others; `over` intervals ended before it.
    if (!most || begun - over > most.arrivals) most = { arrivals: begun - over, secondFromUs: endUs };
  }
  return most;
}

/** Whether a call can have been counted in the second that begins there. */
export function reachesInto({ fromUs, toUs }: Interval, secondFromUs: number): boolean {
  return fromUs < secondFromUs + SECOND_US && toUs >= secondFromUs;
}
