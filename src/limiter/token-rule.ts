// The arithmetic of all ledgers; the script of the shared one takes its constants from here. By its
// rule no second, wherever it begins, contains more than N arrivals at the upstream, however the
// network delays them (docs/adr/0001). Pure: the time is an argument, state goes in and comes out.
import type { TokenEnd } from "../gateway/limiter.js";

/** The upstream counts calls per second. */
export const WINDOW_MS = 1000;

/** The longest that a request can still be in transit after its sender has abandoned it. */
export const MARGIN_MS = 1000;

/** How long the account pauses after a throttle that does not say how long. */
const DEFAULT_PAUSE_MS = 1000;

/** One withheld token returns to use after this long without a throttle. */
export const CLEAN_MS = 10_000;

/**
 * How long all tokens are held back by a ledger that cannot know what was sent before it existed.
 */
export const OPENING_MS = MARGIN_MS + WINDOW_MS;

/**
 * Older grants are not used: their holder was suspended meanwhile, while the token's lease runs on.
 */
export const FENCE_MS = 250;

/**
 * How long after a token was granted to another replica the upstream may still count a call made
 * with it.
 */
export function countsForMs(callTimeoutMs: number): number {
  return callTimeoutMs + MARGIN_MS + WINDOW_MS;
}

/**
 * When the token of an ended call returns: one second after the answer; if none came, once the
 * upstream can no longer count the call; and at once if nothing was written. `hiddenMs`: the
 * upstream had counted the call at least that long before its answer (hidden-time.ts).
 */
export function tokenBackMs(
  end: TokenEnd["kind"],
  sentMs: number,
  endedMs: number,
  callTimeoutMs: number,
  hiddenMs = 0,
): number {
  switch (end) {
    case "answered":
      return endedMs - hiddenMs + WINDOW_MS;
    case "throttled":
      return endedMs + WINDOW_MS;
    case "unwritten":
      return endedMs;
    case "lost":
      // A suspended process notices late, and its connection has stayed open until then.
      return Math.max(sentMs + callTimeoutMs + MARGIN_MS, endedMs) + WINDOW_MS;
  }
}

/**
 * How long the account pauses after a throttle. At least a second if it contradicts that calls are
 * counted when they arrive: until then, tokens that returned early are used too early.
 */
export function pauseForMs(retryAfterMs: number | undefined, isContradicted = false): number {
  return Math.max(retryAfterMs ?? DEFAULT_PAUSE_MS, isContradicted ? WINDOW_MS : 0);
}

/** The weight of the latest answer in the typical one. */
const ANSWER_WEIGHT = 1 / 8;

/**
 * Answers slower than this do not space calls further: free tokens would stay unused for too long.
 */
const SLOW_MS = 200;

/** The fraction of a delay that is made up for. */
export const MADE_UP = 0.9;

/** Decides, in addition to the tokens, when the next call may start. */
export interface Pace {
  /** The last call's place in the spacing: its start, or a little earlier if it started late. */
  readonly lastStartMs: number;
  readonly pausedUntilMs: number;
  /** The last throttle, and the number of tokens withheld because of throttles until then. */
  readonly throttledMs: number;
  readonly withheld: number;
  /** The typical time to an answer, without the part that its token is not out for. */
  readonly answerMs: number;
}

export const UNPACED: Pace = {
  lastStartMs: -Infinity,
  pausedUntilMs: -Infinity,
  throttledMs: -Infinity,
  withheld: 0,
  answerMs: 0,
};

/**
 * The distance between starts of calls. A token is out for a second plus an answer, and that time
 * is divided evenly. With less space, the gap left by one late token would recur with every cycle
 * of the tokens.
 */
export function spaceMs(answerMs: number, quota: number): number {
  return (WINDOW_MS + Math.min(answerMs, SLOW_MS)) / quota;
}

/** Records the time of an answer. */
export function answered(pace: Pace, tookMs: number): Pace {
  return { ...pace, answerMs: pace.answerMs + (tookMs - pace.answerMs) * ANSWER_WEIGHT };
}

/**
 * The number of tokens withheld now. One is always left in use, to find out whether throttling has
 * ended.
 */
export function withheldAt(pace: Pace, quota: number, nowMs: number): number {
  if (pace.withheld === 0) return 0;
  const left = pace.withheld - Math.floor((nowMs - pace.throttledMs) / CLEAN_MS);
  return Math.max(0, Math.min(left, quota - 1));
}

/** When one token fewer will be withheld; Infinity if none is withheld. */
export function fewerWithheldMs(pace: Pace, quota: number, nowMs: number): number {
  if (withheldAt(pace, quota, nowMs) === 0) return Infinity;
  return pace.throttledMs + (Math.floor((nowMs - pace.throttledMs) / CLEAN_MS) + 1) * CLEAN_MS;
}

/**
 * When a call may start: now or later. Undefined if a token must return first. Calls start a space
 * apart; otherwise the tokens of a burst of half-empty calls would return in a burst, and everybody
 * would wait for them. A newcomer skips the spacing while most tokens are free.
 */
export function startMs(pace: Pace, quota: number, free: number, newcomer: boolean, nowMs: number): number | undefined {
  if (free <= withheldAt(pace, quota, nowMs)) return undefined;
  const ready = Math.max(nowMs, pace.pausedUntilMs);
  if (newcomer && free > quota / 2) return ready;
  return Math.max(ready, pace.lastStartMs + spaceMs(pace.answerMs, quota));
}

/**
 * Records the first request for a token after a time without any. Unused places in the spacing are
 * dropped.
 */
export function asked(pace: Pace, quota: number, nowMs: number): Pace {
  return { ...pace, lastStartMs: Math.max(pace.lastStartMs, nowMs - spaceMs(pace.answerMs, quota)) };
}

/**
 * Records the start of a call. While tokens are withheld, no delay is made up for: another program
 * needs the time.
 */
export function started(pace: Pace, quota: number, nowMs: number): Pace {
  const apartMs = spaceMs(pace.answerMs, quota);
  const yields = withheldAt(pace, quota, nowMs) > 0;
  return { ...pace, lastStartMs: yields ? nowMs : placeMs(pace.lastStartMs + apartMs, nowMs, apartMs) };
}

/**
 * The place in the spacing of a call that was due at `dueMs` and starts now; the next call is due a
 * space after it. If a call starts late because its token was late, the calls behind it nearly keep
 * their places, by up to half a space. Otherwise each late token would delay all later calls, at a
 * cost of one percent of the rate. They keep them only nearly, or the gap would recur with every
 * cycle of the tokens. After a second without a call, no call is behind.
 */
export function placeMs(dueMs: number, nowMs: number, apartMs: number): number {
  const lateMs = Math.max(nowMs - dueMs, 0);
  return lateMs < WINDOW_MS ? nowMs - Math.min(lateMs, apartMs / 2) * MADE_UP : nowMs;
}

/**
 * Records a throttle although the rule was kept: another program uses the account, or the quota is
 * lower than configured. Everything pauses, and one more token is withheld. Calls sent before the
 * last throttle was known give no new information: they prolong the pause, but withhold no token.
 */
export function throttle(pace: Pace, quota: number, sentMs: number, nowMs: number, retryAfterMs?: number): Pace {
  const pausedUntilMs = Math.max(pace.pausedUntilMs, nowMs + pauseForMs(retryAfterMs));
  if (sentMs < pace.throttledMs) return { ...pace, pausedUntilMs };
  const withheld = Math.min(withheldAt(pace, quota, nowMs) + 1, quota - 1);
  return { ...pace, pausedUntilMs, withheld, throttledMs: nowMs };
}
