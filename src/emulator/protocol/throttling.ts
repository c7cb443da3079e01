// Builds the refusal of a call beyond the quota. The documentation leaves open which of
// three codes the upstream uses, with which status and which hint, so each is a switch.
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
