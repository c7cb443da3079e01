// Computes when an rpc has to be answered: a margin before its deadline. All times are monotonic.
import type { Clock } from "../../base/clock.js";

/** Time for the answer to get out before the deadline passes for the client. */
const REPLY_MARGIN_MS = 200;

/** `deadlineMs`: Infinity if the client set none. */
export function answerByMs(deadlineMs: number, defaultDeadlineMs: number, nowMs: number): number {
  const leftMs = deadlineMs === Infinity ? defaultDeadlineMs : Math.max(deadlineMs - nowMs, 0);
  return nowMs + leftMs - Math.min(REPLY_MARGIN_MS, leftMs / 4);
}

/** The deadline of a call of grpc-js, which goes by the wall clock. */
export function monotonicDeadlineMs(deadline: number | Date, clock: Clock): number {
  return Number(deadline) - clock.wallNow() + clock.now();
}
