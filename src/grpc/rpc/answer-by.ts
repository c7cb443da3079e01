// By when an rpc has to be answered: a margin before its deadline.
import type { Clock } from "../../base/clock.js";

/** The longest that an answer needs to get out before the deadline drops it. */
const REPLY_MARGIN_MS = 200;

/**
 * When to answer, on the monotonic clock: a margin before the deadline, since grpc-js drops on both
 * ends what comes after it.
 */
export function answerByMs(deadline: number | Date, defaultDeadlineMs: number, clock: Clock): number {
  const epochMs = deadline instanceof Date ? deadline.getTime() : deadline;
  const leftMs = Number.isFinite(epochMs) ? Math.max(epochMs - clock.wallNow(), 0) : defaultDeadlineMs;
  return clock.now() + leftMs - Math.min(REPLY_MARGIN_MS, leftMs / 4);
}
