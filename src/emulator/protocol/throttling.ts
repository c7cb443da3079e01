// What a call is told that comes beyond the quota. Which of three documented codes the upstream uses, under
// which status and with which hint, is open, and so switched.
import type { OpenQuestions } from "../open-questions.js";
import type { Headers } from "./answer.js";
import { type PopError, popError } from "./errors.js";

export function throttled(open: OpenQuestions, callsPerSecond: number, retryAfterMs: number): PopError {
  const headers = HINTS[open.throttleHint](callsPerSecond, retryAfterMs);
  return popError(open.throttleCode, { status: Number(open.throttleStatus), headers });
}

const HINTS: Readonly<Record<OpenQuestions["throttleHint"], (limit: number, leftMs: number) => Headers>> = {
  "x-acs-retry-after": (_, leftMs) => ({ "x-acs-retry-after": String(leftMs) }),
  "x-ratelimit-user-api": (limit, leftMs) => ({
    "x-ratelimit-user-api": `Limit:${limit},Remain:0,TimeLeft:${leftMs},Reset:${leftMs}`,
  }),
  none: () => ({}),
};
