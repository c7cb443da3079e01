// Computes when an rpc has to be answered: a margin before its deadline.
import type { Clock } from "../../base/clock.js";

/** Time for the answer to get out before the deadline drops it. */
const REPLY_MARGIN_MS = 200;

/** Monotonic. The margin, because grpc-js drops what comes after the deadline, on both sides. */
export function answerByMs(deadline: number | Date, defaultDeadlineMs: number, clock: Clock): number {
  const epochMs = deadline instanceof Date ? deadline.getTime() : deadline;
  const leftMs = Number.isFinite(epochMs) ? Math.max(epochMs - clock.wallNow(), 0) : defaultDeadlineMs;
  return clock.now() + leftMs - Math.min(REPLY_MARGIN_MS, leftMs / 4);
}
