// The most arrivals that any second can have held. Each call was counted by the upstream at one unknown
// moment of its interval; so a second can have held as many as there are intervals that reach into it.
// Pure. Times are whole microseconds: with fractions of a millisecond, equality would be a matter of luck.

/** When a call can have been counted, both ends included. */
export interface Interval {
  readonly fromUs: number;
  readonly toUs: number;
}

export interface MostArrivals {
  readonly arrivals: number;
  /** The second is half-open: this moment is in it, the one a second later is not. The earliest of equals. */
  readonly secondFromUs: number;
}

const SECOND_US = 1_000_000;

/**
 * Over all half-open seconds [t, t + 1 s), wherever they begin. An interval reaches into one if it begins
 * before t + 1 s and ends at t or later. Undefined without any interval.
 */
export function mostArrivals(intervals: readonly Interval[]): MostArrivals | undefined {
  const begins = Float64Array.from(intervals, ({ fromUs }) => fromUs).sort();
  const ends = Float64Array.from(intervals, ({ toUs }) => toUs).sort();
  let most: MostArrivals | undefined;
  let begun = 0;
  // Only the seconds that begin where an interval ends need a look: one that begins elsewhere loses
  // nobody if it begins as late as the first of its intervals ends.
  for (const [over, endUs] of ends.entries()) {
    while (begun < begins.length && (begins[begun] as number) < endUs + SECOND_US) begun++;
    // Of equal ends the first sees those still to come; `over` intervals end before it.
    if (!most || begun - over > most.arrivals) most = { arrivals: begun - over, secondFromUs: endUs };
  }
  return most;
}

/** Whether a call can have been counted in the second that begins there. */
export function reachesInto({ fromUs, toUs }: Interval, secondFromUs: number): boolean {
  return fromUs < secondFromUs + SECOND_US && toUs >= secondFromUs;
}
