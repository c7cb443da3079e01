// What is known about a call before its message is looked at: who asks, and by when to answer.
import type { Metadata } from "@grpc/grpc-js";
import type { Clock } from "../clock.js";

/** Who asks if nobody says. */
const ANONYMOUS = "anonymous";

const CALLER_HEADER = "x-ota-caller";

/** The longest that an answer needs to get out before the deadline drops it. */
const REPLY_MARGIN_MS = 200;

/**
 * The identity that fairness is computed over. Nothing proves it: any caller can take any name. It
 * keeps honest services apart, which is all it is for until callers are authenticated.
 */
export function callerOf(metadata: Metadata): string {
  const name = metadata.get(CALLER_HEADER)[0];
  // Names go into logs and spans: what is not plain and short is not taken.
  return typeof name === "string" && /^[\w.:/@-]{1,128}$/.test(name) ? name : ANONYMOUS;
}

/**
 * When to answer, on the monotonic clock: a margin before the deadline, since grpc-js drops on both
 * ends what comes after it.
 */
export function answerByMs(deadline: number | Date, defaultDeadlineMs: number, clock: Clock): number {
  const epochMs = deadline instanceof Date ? deadline.getTime() : deadline;
  const leftMs = Number.isFinite(epochMs) ? Math.max(epochMs - clock.wallNow(), 0) : defaultDeadlineMs;
  return clock.now() + leftMs - Math.min(REPLY_MARGIN_MS, leftMs / 4);
}
