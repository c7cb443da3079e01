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

/** Older answers count no longer: paths and the upstream change. */
const RECENT_MS = 20_000;

/** With fewer answers, nothing is known. */
const FEWEST_ANSWERS = 20;

/** A busy account keeps no more answers than that. */
const MOST_ANSWERS = 1000;

/** With fewer round trips since the first of these answers, nothing is known. */
const FEWEST_ROUND_TRIPS = 10;

/** Nor if the last of them is older than this. */
const FRESH_MS = 5000;

/**
 * The fastest possible answer may not be among those seen. It is assumed to be faster than the
 * fastest of them by no more than twice the distance from that one to the tenth.
 */
const SPREAD_RANK = 10;
const SPREADS = 2;

/** Adds an answer, and drops the old ones. */
export function withAnswer(answers: readonly TimedAnswer[], answer: TimedAnswer): readonly TimedAnswer[] {
  const recent = answers.filter(({ atMs }) => atMs > answer.atMs - RECENT_MS);
  return [...recent, answer].slice(-MOST_ANSWERS);
}

/** Adds a round trip, and drops the old ones. */
export function withRoundTrip(roundTrips: readonly RoundTrip[], roundTrip: RoundTrip): readonly RoundTrip[] {
  return [...roundTrips.filter(({ atMs }) => atMs > roundTrip.atMs - RECENT_MS), roundTrip];
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
  const waitsMs = compared.map(({ waitMs }) => waitMs).sort((a, b) => a - b);
  const [leastMs, tenthMs] = [waitsMs[0], waitsMs[SPREAD_RANK - 1]];
  const transitMs = transit(Math.min(...compared.map(({ atMs }) => atMs)), roundTrips, nowMs);
  if (leastMs === undefined || tenthMs === undefined || transitMs === undefined) return 0;
  return Math.max(0, leastMs - SPREADS * (tenthMs - leastMs) - transitMs);
}

/**
 * Answers to calls of no more devices: a larger call is no measure for a smaller one. Of these, the
 * largest, so that a few small calls do not hide what is known of large ones. None if there are too
 * few.
 */
function comparable(devices: number, answers: readonly TimedAnswer[], nowMs: number): readonly TimedAnswer[] {
  const smaller = answers.filter((each) => each.devices <= devices && each.atMs > nowMs - RECENT_MS);
  const sizes = smaller.map((each) => each.devices).sort((a, b) => b - a);
  const leastSize = sizes[FEWEST_ANSWERS - 1];
  return leastSize === undefined ? [] : smaller.filter((each) => each.devices >= leastSize);
}

/**
 * The time that the way there and back takes without delay: the least that was measured since
 * `sinceMs`. If it has changed since, the longer time: that is why each half counts for itself.
 * Undefined if it was not measured often enough, or not lately.
 */
function transit(sinceMs: number, roundTrips: readonly RoundTrip[], nowMs: number): number | undefined {
  const since = roundTrips.filter(({ atMs }) => atMs > sinceMs);
  const latest = since.at(-1);
  if (since.length < FEWEST_ROUND_TRIPS || !latest || latest.atMs < nowMs - FRESH_MS) return undefined;
  const half = Math.floor(since.length / 2);
  const leastOf = (some: readonly RoundTrip[]) => Math.min(...some.map(({ tookMs }) => tookMs));
  return Math.max(leastOf(since.slice(0, half)), leastOf(since.slice(half)));
}
