// Decides how much of the time of an answer certainly lay behind the arrival of its call. If the
// upstream counts calls when they arrive, a token may return that much earlier (docs/adr/0001).
// Pure: the time is an argument, state goes in and comes out.
import type { AcceptedCall } from "../gateway/limiter.js";

/** An accepted call, with the time at which its answer came. */
export interface TimedAnswer extends AcceptedCall {
  readonly atMs: number;
}

/** A measured way to the upstream and back. */
export interface RoundTrip {
  readonly atMs: number;
  readonly tookMs: number;
}

/** Spread and paths are those of this time. */
const RECENT_MS = 60_000;

/**
 * How long an answer counts that was faster than all later ones. A request may wait for something
 * that a measured way does not, and that looks like work for as long as it lasts.
 */
const REMEMBERED_MS = 600_000;

/** With fewer recent answers, nothing is known. */
const FEWEST_ANSWERS = 50;

/** A busy account has no more recent answers than that. */
const MOST_RECENT = 1000;

/** With fewer round trips since the first of these answers, or in less time, nothing is known. */
const FEWEST_ROUND_TRIPS = 10;
const MEASURED_MS = 9000;

/** Nor if the last of them is older than this. */
const FRESH_MS = 5000;

/** A way that was measured so often in succession, and for so long, was the way of calls. */
const LASTING_ROUND_TRIPS = 5;
const LASTING_MS = 4000;

/** Ways count for as long as recent answers may have traveled on them. */
const WAYS_MS = RECENT_MS + 10_000;

/**
 * The fastest possible answer may not be among those seen. It is assumed to be faster than the
 * fastest of them by no more than three times the distance from that one to the tenth.
 */
const SPREAD_RANK = 10;
const SPREADS = 3;

/**
 * Adds an answer. Drops the old ones, except those that were faster than all later answers to calls
 * of the same size.
 */
export function withAnswer(answers: readonly TimedAnswer[], answer: TimedAnswer): readonly TimedAnswer[] {
  const firstRecent = answers.length - MOST_RECENT;
  const kept = answers.filter(({ devices, waitMs, atMs }, n) => {
    if (n > firstRecent && isRecent(atMs, answer.atMs)) return true;
    return atMs > answer.atMs - REMEMBERED_MS && (devices !== answer.devices || waitMs < answer.waitMs);
  });
  return [...kept, answer];
}

/** Adds a round trip, and drops the old ones. */
export function withRoundTrip(roundTrips: readonly RoundTrip[], roundTrip: RoundTrip): readonly RoundTrip[] {
  return [...roundTrips.filter(({ atMs }) => atMs > roundTrip.atMs - WAYS_MS), roundTrip];
}

/**
 * The time between the arrival of an accepted call of so many devices and its answer was no shorter
 * than this. `answers` includes its own. The fastest of them, less the way there and back, is the
 * time of its work, and no call takes less work than a smaller one. Nothing is concluded from the
 * call's own answer if that was slow, because its request may have been delayed.
 */
export function hiddenMs(
  devices: number,
  answers: readonly TimedAnswer[],
  roundTrips: readonly RoundTrip[],
  nowMs: number,
): number {
  const compared = comparable(devices, answers, nowMs);
  const recent = compared.filter(({ atMs }) => isRecent(atMs, nowMs));
  const recentWaitsMs = Float64Array.from(recent.map(({ waitMs }) => waitMs)).sort();
  const [fastestMs, tenthMs] = [recentWaitsMs[0], recentWaitsMs[SPREAD_RANK - 1]];
  const transitMs = transit(Math.min(...recent.map(({ atMs }) => atMs)), roundTrips, nowMs);
  if (fastestMs === undefined || tenthMs === undefined || transitMs === undefined) return 0;
  const leastMs = Math.min(...compared.map(({ waitMs }) => waitMs));
  return Math.max(0, leastMs - SPREADS * (tenthMs - fastestMs) - transitMs);
}

/**
 * Answers to calls of no more devices: a larger call is no measure for a smaller one. Of these, the
 * largest, so that a few small calls do not hide what is known of large ones. None if too few are
 * recent.
 */
function comparable(devices: number, answers: readonly TimedAnswer[], nowMs: number): readonly TimedAnswer[] {
  const smaller = answers.filter((each) => each.devices <= devices);
  const recent = smaller.filter(({ atMs }) => isRecent(atMs, nowMs));
  const sizes = Float64Array.from(recent.map((each) => each.devices)).sort();
  const leastSize = sizes.at(-FEWEST_ANSWERS);
  return leastSize === undefined ? [] : smaller.filter((each) => each.devices >= leastSize);
}

function isRecent(atMs: number, nowMs: number): boolean {
  return atMs > nowMs - RECENT_MS;
}

/**
 * The time that the way there and back takes without delay: the longest that lasted. Calls may have
 * traveled on that way even if it has become shorter since. Undefined if it was not measured often
 * and long enough since `sinceMs`, or not lately.
 */
function transit(sinceMs: number, roundTrips: readonly RoundTrip[], nowMs: number): number | undefined {
  const since = roundTrips.filter(({ atMs }) => atMs > sinceMs);
  const [first, latest] = [since[0], since.at(-1)];
  if (!first || !latest || latest.atMs < nowMs - FRESH_MS) return undefined;
  if (since.length < FEWEST_ROUND_TRIPS || latest.atMs - first.atMs < MEASURED_MS) return undefined;
  return Math.max(...lastingMs(roundTrips));
}

/** The least of the round trips in each shortest succession that lasted. */
function lastingMs(roundTrips: readonly RoundTrip[]): number[] {
  const lasted = (from: number, to: number) => {
    const [first, last] = [roundTrips[from] as RoundTrip, roundTrips[to] as RoundTrip];
    return to - from + 1 >= LASTING_ROUND_TRIPS && last.atMs - first.atMs >= LASTING_MS;
  };
  let from = 0;
  return roundTrips.flatMap((_, to) => {
    while (lasted(from + 1, to)) from++;
    if (!lasted(from, to)) return [];
    let leastMs = Infinity;
    for (let n = from; n <= to; n++) leastMs = Math.min(leastMs, (roundTrips[n] as RoundTrip).tookMs);
    return leastMs;
  });
}
