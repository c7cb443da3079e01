// Computes when an rpc has to be answered: a margin before its deadline.
import type { Clock } from "../../base/clock.js";

/** Time for the answer to get out before the deadline drops it. */
const REPLY_MARGIN_MS = 200;

/** On the monotonic clock. The margin is needed because grpc-js, on both sides, drops what comes after the deadline. */
export function answerByMs(deadline: number | Date, defaultDeadlineMs: number, clock: Clock): number {
  const epochMs = deadline instanceof Date ? deadline.getTime() : deadline;
  const leftMs = Number.isFinite(epochMs) ? Math.max(epochMs - clock.wallNow(), 0) : defaultDeadlineMs;
  return clock.now() + leftMs - Math.min(REPLY_MARGIN_MS, leftMs / 4);
}
