// The arithmetic of the ledger. The rule: a call takes one of N tokens just before it is sent, and
// the token comes back one second after the answer. Then no second, wherever it begins, can hold
// more than N arrivals at the upstream (docs/adr/0001), however the network delays them.
// Pure: the clock's reading is an argument, state goes in and comes out.
import type { TokenEnd } from "../gateway/limiter.js";

/** The upstream counts calls per second. */
export const WINDOW_MS = 1000;

/** The longest that a request can still be travelling after its sender has given it up. */
export const MARGIN_MS = 1000;

/** How long the account pauses after a throttle that does not say how long. */
export const DEFAULT_PAUSE_MS = 1000;

/** One withheld token is used again after so long without a throttle. */
const CLEAN_MS = 10_000;

/** A ledger that cannot know what was sent before it existed holds all tokens back for so long. */
export const OPENING_MS = MARGIN_MS + WINDOW_MS;

/** A grant that is older is not used: its holder was stopped meanwhile, and the lease of its token goes on. */
export const FENCE_MS = 250;

/** For how long after a token was granted elsewhere a call that it was used for can still be counted by the upstream. */
export function countsForMs(callTimeoutMs: number): number {
  return callTimeoutMs + MARGIN_MS + WINDOW_MS;
}

/** When the token of an ended call comes back. */
export function tokenBackMs(end: TokenEnd["kind"], sentMs: number, endedMs: number, callTimeoutMs: number): number {
  switch (end) {
    case "answered":
    case "throttled":
      return endedMs + WINDOW_MS;
    case "unwritten":
      return endedMs;
    case "lost":
      // A process that was stopped notices late, and its connection has lived until then.
      return Math.max(sentMs + callTimeoutMs + MARGIN_MS, endedMs) + WINDOW_MS;
  }
}

/** How much one answer counts in what is typical. */
const ANSWER_WEIGHT = 1 / 8;

/** Slower answers keep calls no further apart: tokens that are free would be left unused for too long. */
const SLOW_MS = 200;

/** How much of what is late is made up for. */
const MADE_UP = 0.9;

/** What decides when the next call may start, beside the tokens. */
export interface Pace {
  /** The last call's place in the spacing: when it started, or a little earlier if it started late. */
  readonly lastStartMs: number;
  readonly pausedUntilMs: number;
  /** The last throttle, and how many tokens have been withheld since. */
  readonly throttledMs: number;
  readonly withheld: number;
  /** How long an answer typically takes. */
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
 * How far apart calls start: a token is out for a second and an answer, and that time is shared out evenly. With less,
 * each time a token is late its gap comes round again with every use of the tokens, and who comes then waits for it.
 */
export function spaceMs(answerMs: number, quota: number): number {
  return (WINDOW_MS + Math.min(answerMs, SLOW_MS)) / quota;
}

/** An answer has come after so long. */
export function answered(pace: Pace, tookMs: number): Pace {
  return { ...pace, answerMs: pace.answerMs + (tookMs - pace.answerMs) * ANSWER_WEIGHT };
}

/** How many tokens are withheld now: of as many as there are now, one is left to find out with. */
export function withheldAt(pace: Pace, quota: number, nowMs: number): number {
  if (pace.withheld === 0) return 0;
  const left = pace.withheld - Math.floor((nowMs - pace.throttledMs) / CLEAN_MS);
  return Math.max(0, Math.min(left, quota - 1));
}

/**
 * When a call may start: now or later. Undefined while it takes a token to come back first.
 * Calls start a space apart, or the tokens of a burst of half-empty calls would come back in a burst
 * and everybody wait for them; a newcomer is spared that while most tokens are free.
 */
export function startMs(pace: Pace, quota: number, free: number, newcomer: boolean, nowMs: number): number | undefined {
  if (free <= withheldAt(pace, quota, nowMs)) return undefined;
  const ready = Math.max(nowMs, pace.pausedUntilMs);
  if (newcomer && free > quota / 2) return ready;
  return Math.max(ready, pace.lastStartMs + spaceMs(pace.answerMs, quota));
}

/** Somebody asks for a token, and nobody did: places that have gone by meanwhile are nobody's. */
export function asked(pace: Pace, quota: number, nowMs: number): Pace {
  return { ...pace, lastStartMs: Math.max(pace.lastStartMs, nowMs - spaceMs(pace.answerMs, quota)) };
}

/**
 * A call starts now. If it starts late, because its token came late, the calls behind it keep their places, by half
 * a space at the most: else each late token would put off all that come after it, and calls start a hundredth
 * less often than the tokens allow. Not quite their places, or the gap would come round again with every use of the
 * tokens. After a second without a call there is nobody behind; and while tokens are withheld, somebody else needs
 * the time.
 */
export function started(pace: Pace, quota: number, nowMs: number): Pace {
  const apartMs = spaceMs(pace.answerMs, quota);
  const dueMs = pace.lastStartMs + apartMs;
  const catchesUp = nowMs - dueMs < WINDOW_MS && withheldAt(pace, quota, nowMs) === 0;
  const lateMs = catchesUp ? Math.max(nowMs - dueMs, 0) : 0;
  return { ...pace, lastStartMs: nowMs - Math.min(lateMs, apartMs / 2) * MADE_UP };
}

/**
 * The account was throttled although the rule was kept: somebody else uses it, or the quota is lower
 * than we think. Everything pauses, and one more token is withheld. Calls that were sent before the
 * last throttle was known tell nothing new: they prolong the pause, and withhold nothing.
 */
export function throttle(pace: Pace, quota: number, sentMs: number, nowMs: number, retryAfterMs?: number): Pace {
  const pausedUntilMs = Math.max(pace.pausedUntilMs, nowMs + (retryAfterMs ?? DEFAULT_PAUSE_MS));
  if (sentMs < pace.throttledMs) return { ...pace, pausedUntilMs };
  const withheld = Math.min(withheldAt(pace, quota, nowMs) + 1, quota - 1);
  return { ...pace, pausedUntilMs, withheld, throttledMs: nowMs };
}
