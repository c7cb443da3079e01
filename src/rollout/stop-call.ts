// The order of a stop, the calls that it makes, and their ends.
import type { BatchFailure, BatchStop } from "./batch-record.js";
import { endReasonOf } from "./end-reason.js";
import type { JobCallResult } from "./job-line.js";
import type { JobCall, OpenState } from "./job-operator.js";
import type { RolloutList, RolloutScope } from "./rollout-list.js";
import type { SweepCall } from "./sweep.js";

export interface StopOrder extends RolloutScope {
  /** The states of the tasks to cancel; at least one. */
  readonly states: readonly OpenState[];
  readonly keepStrategies: boolean;
  readonly includeNewJobs: boolean;
  /** The etag of the rollout when it was read; empty for no such condition. */
  readonly etag: string;
  readonly settleMs: number;
  /** The longest time of a call. */
  readonly callTimeoutMs: number;
}

export type StopCall = JobCall | SweepCall;

/** How a call ended. A sweep reports for how many devices the upstream said Success. */
export interface StopCallEnd {
  readonly end: JobCallResult["end"] | { readonly kind: "swept"; readonly accepted: number };
  /** Undefined if nothing was sent. */
  readonly sentMs: number | undefined;
  readonly sentWallMs: number | undefined;
  readonly endedMs: number;
  readonly attempts: number;
}

export type StopStep = "plan" | "close" | "cancel" | "settle" | "sweep" | "done";

export type StopConclusion =
  | {
      readonly kind: "report";
      readonly stopped: boolean;
      /** It was interrupted, and changed nothing more. */
      readonly isInterrupted: boolean;
      readonly batches: readonly BatchStop[];
      readonly otherOpenJobs: readonly string[];
      readonly etag: string;
    }
  /** Nothing was changed. */
  | {
      readonly kind: "unplanned";
      readonly reason: "unreadable" | "foreign" | "changed";
      readonly message: string;
      readonly end: RolloutList["failure"];
    };

/** Whether the upstream refused the call itself, and would refuse it again. */
export function isRejection(end: StopCallEnd["end"]): boolean {
  return end.kind === "refused" && end.refusal.reaction.kind === "rejected";
}

export function batchFailureOf(end: StopCallEnd["end"], what: string): BatchFailure {
  const why = end.kind === "accepted" || end.kind === "swept" ? "" : endReasonOf(end);
  const upstream = end.kind === "refused" ? { code: end.refusal.code, requestId: end.requestId } : {};
  return { message: `${what}: ${why}`, ...upstream };
}
