// The arithmetic of the ledger, for all of its kinds: the script of the shared one takes its constants from here. The
// rule: a call takes one of N tokens just before it is sent, and the token comes back one second after the answer. Then
// no second, wherever it begins, can hold more than N arrivals at the upstream, however the network delays them
// (docs/adr/0001). Pure: the time is an argument, state goes in and comes out.
import type { TokenEnd } from "../gateway/limiter.js";

/** The upstream counts calls per second. */
export const WINDOW_MS = 1000;

/** The longest that a request can still be on its way after its sender has given it up. */
export const MARGIN_MS = 1000;

/** How long the account pauses after a throttle that does not say how long. */
export const DEFAULT_PAUSE_MS = 1000;

/** One withheld token is used again after so long without a throttle. */
export const CLEAN_MS = 10_000;

/** How long a ledger that cannot know what was sent before it existed holds all tokens back. */
export const OPENING_MS = MARGIN_MS + WINDOW_MS;

/** An older grant is not used: its holder was stopped meanwhile, and the lease of its token runs on. */
export const FENCE_MS = 250;

/** How long after a token was granted elsewhere the upstream can still count a call made with it. */
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
      // A process that was stopped notices late, and its connection has stayed open until then.
      return Math.max(sentMs + callTimeoutMs + MARGIN_MS, endedMs) + WINDOW_MS;
  }
}

/** The weight of the latest answer in the typical one. */
const ANSWER_WEIGHT = 1 / 8;

/** Slower answers do not keep calls further apart: free tokens would stay unused for too long. */
const SLOW_MS = 200;

/** How much of a delay is made up for. */
export const MADE_UP = 0.9;

/** What decides, beside the tokens, when the next call may start. */
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
 * How far apart calls start: a token is out for a second and an answer, and that time is divided evenly. With less
 * space, the gap that one late token makes would come round again with every use of the tokens.
 */
export function spaceMs(answerMs: number, quota: number): number {
  return (WINDOW_MS + Math.min(answerMs, SLOW_MS)) / quota;
}

/** An answer has come after so long. */
export function answered(pace: Pace, tookMs: number): Pace {
  return { ...pace, answerMs: pace.answerMs + (tookMs - pace.answerMs) * ANSWER_WEIGHT };
}

/** How many tokens are withheld now. One is always left, to find out with. */
export function withheldAt(pace: Pace, quota: number, nowMs: number): number {
  if (pace.withheld === 0) return 0;
  const left = pace.withheld - Math.floor((nowMs - pace.throttledMs) / CLEAN_MS);
  return Math.max(0, Math.min(left, quota - 1));
}

/**
 * When a call may start: now or later. Undefined while a token has to come back first.
 * Calls start a space apart: otherwise the tokens of a burst of half-empty calls would come back in a burst, and
 * everybody would wait for them. A newcomer need not wait for the spacing while most tokens are free.
 */
export function startMs(pace: Pace, quota: number, free: number, newcomer: boolean, nowMs: number): number | undefined {
  if (free <= withheldAt(pace, quota, nowMs)) return undefined;
  const ready = Math.max(nowMs, pace.pausedUntilMs);
  if (newcomer && free > quota / 2) return ready;
  return Math.max(ready, pace.lastStartMs + spaceMs(pace.answerMs, quota));
}

/** The first taker since nobody waited asks for a token. Places that have gone by meanwhile belong to nobody. */
export function asked(pace: Pace, quota: number, nowMs: number): Pace {
  return { ...pace, lastStartMs: Math.max(pace.lastStartMs, nowMs - spaceMs(pace.answerMs, quota)) };
}

/** A call starts now. While tokens are withheld nothing is made up for: somebody else needs the time. */
export function started(pace: Pace, quota: number, nowMs: number): Pace {
  const apartMs = spaceMs(pace.answerMs, quota);
  const yields = withheldAt(pace, quota, nowMs) > 0;
  return { ...pace, lastStartMs: yields ? nowMs : placeMs(pace.lastStartMs + apartMs, nowMs, apartMs) };
}

/**
 * The place in the spacing of a call that was due then and starts now; the next is due a space after it. Behind a call
 * that starts late for its token, calls nearly keep their places, by up to half a space: otherwise each late token would
 * put off all calls after it, and cost a hundredth of the rate. Only nearly, or the gap would come round again with every
 * use of the tokens. After a second without a call there is none behind.
 */
export function placeMs(dueMs: number, nowMs: number, apartMs: number): number {
  const lateMs = Math.max(nowMs - dueMs, 0);
  return lateMs < WINDOW_MS ? nowMs - Math.min(lateMs, apartMs / 2) * MADE_UP : nowMs;
}

/**
 * The account was throttled although the rule was kept: somebody else uses it, or the quota is lower than configured.
 * Everything pauses, and one more token is withheld. Calls that were sent before the last throttle was known tell
 * nothing new: they prolong the pause, but withhold no token.
 */
export function throttle(pace: Pace, quota: number, sentMs: number, nowMs: number, retryAfterMs?: number): Pace {
  const pausedUntilMs = Math.max(pace.pausedUntilMs, nowMs + (retryAfterMs ?? DEFAULT_PAUSE_MS));
  if (sentMs < pace.throttledMs) return { ...pace, pausedUntilMs };
  const withheld = Math.min(withheldAt(pace, quota, nowMs) + 1, quota - 1);
  return { ...pace, pausedUntilMs, withheld, throttledMs: nowMs };
}
