// The seam to the upstream's operations on whole update batches (the API calls them jobs): one call
// out, its answer back. A count carries no device name through it, and a list of tasks only names
// and states. The meaning of an answer for a rollout is decided in rollout/.
import type { CallEnd } from "../gateway/upstream.js";

/** The states of a task that has not ended, in the order in which a task passes through them. */
export const OPEN_STATES = ["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"] as const;
export type OpenState = (typeof OPEN_STATES)[number];

/** All states of a task. */
export const JOB_TASK_STATES = [...OPEN_STATES, "SUCCEEDED", "FAILED", "CANCELED"] as const;
export type JobTaskState = (typeof JOB_TASK_STATES)[number];

/** The tasks that a CancelOTATaskByJob reaches. All five are sent: their defaults differ. */
export interface JobFlags {
  readonly scheduled: boolean;
  readonly queued: boolean;
  readonly inProgress: boolean;
  readonly notified: boolean;
  readonly unconfirmed: boolean;
}

/** One call, without the instance that it goes to. */
export type JobCall =
  | { readonly operation: "ListOTAJobByFirmware"; readonly firmwareId: string; readonly page: number }
  | { readonly operation: "QueryOTAJob"; readonly jobId: string }
  /** Without a state, tasks of all states. */
  | {
      readonly operation: "ListOTATaskByJob";
      readonly jobId: string;
      readonly state: JobTaskState | undefined;
      readonly page: number;
      readonly pageSize: number;
    }
  | { readonly operation: "CancelOTAStrategyByJob"; readonly jobId: string }
  | { readonly operation: "CancelOTATaskByJob"; readonly jobId: string; readonly flags: JobFlags };

export type JobOperation = JobCall["operation"];

export const JOB_OPERATIONS = [
  "ListOTAJobByFirmware",
  "QueryOTAJob",
  "ListOTATaskByJob",
  "CancelOTAStrategyByJob",
  "CancelOTATaskByJob",
] as const satisfies readonly JobOperation[];

export type BatchKind = "static" | "dynamic" | "verify";

/** A batch as the upstream lists it. Missing fields are empty. */
export interface JobRow {
  readonly jobId: string;
  /** The upstream's word, unchanged, such as `IN_PROGRESS`. */
  readonly status: string;
  /** Undefined if the upstream does not say, or says something unknown. */
  readonly kind: BatchKind | undefined;
  readonly productKey: string;
  readonly firmwareId: string;
  /** In the upstream's format, such as `2019-11-04T06:22:19.566Z`. */
  readonly created: string;
}

/** The content of a successful answer. */
export type JobAnswer =
  /** `isLast`: there is no further page. */
  | { readonly kind: "jobs"; readonly jobs: readonly JobRow[]; readonly isLast: boolean }
  | { readonly kind: "job"; readonly job: JobRow }
  /** `total`: how many tasks there are, over all pages. */
  | { readonly kind: "tasks"; readonly total: number; readonly tasks: readonly TaskOfJob[] }
  | { readonly kind: "done" };

/** A row of a list. The name is empty in an answer to a count. */
export interface TaskOfJob {
  readonly deviceName: string;
  /** The upstream's word, unchanged. */
  readonly state: string;
}

/** How such a call ended. */
export type JobCallEnd =
  /** Success under a RequestId. `answer` is absent if the content cannot be understood. */
  | (Extract<CallEnd, { kind: "accepted" }> & { readonly answer: JobAnswer | undefined })
  | Exclude<CallEnd, { kind: "accepted" }>;

export interface JobOperator {
  /**
   * Sends one call. Always resolves, within the upstream's timeout from `sentMs`, when its token
   * was used; cannot be aborted (see limiter.ts).
   */
  send(call: JobCall, iotInstanceId: string, sentMs: number): Promise<JobCallEnd>;
}
