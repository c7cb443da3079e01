// Why a call of a rollout did not succeed, in one sentence for people: the upstream's words with
// its code, or what kept the call from being answered.
import type { JobCallResult } from "./job-line.js";

/** The end of a call on whole batches that did not succeed. */
export type FailedJobCall = Exclude<JobCallResult["end"], { readonly kind: "accepted" }>;

export function endReasonOf(end: FailedJobCall): string {
  return end.kind === "refused" ? `${end.refusal.message} (${end.refusal.code})` : end.message;
}
