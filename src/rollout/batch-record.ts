// The record of one batch during a stop: for its caller, and for a process that takes over.
import type { UpstreamCause } from "../gateway/failures.js";
import type { BatchKind, JobOperation, JobTaskState } from "./job-operator.js";

/** A batch as it was read. */
export interface BatchReading {
  readonly jobId: string;
  readonly kind: BatchKind | undefined;
  /** The upstream's word. */
  readonly status: string;
  readonly created: string;
  /** As far as they were read. */
  readonly counts: Readonly<Partial<Record<JobTaskState, number>>>;
  /** Why counts are missing; empty if none is. */
  readonly incomplete: string;
  /** When the oldest of the counts was read, by the wall clock; undefined without any. */
  readonly countedWallMs: number | undefined;
}

/** A call on the whole batch that was made. */
export interface BatchCallRecord {
  readonly operation: JobOperation;
  readonly requestId: string;
  readonly success: boolean;
  readonly code: string;
  readonly message: string;
  readonly attempts: number;
  readonly sentWallMs: number | undefined;
  readonly durationMs: number | undefined;
}

/** Why work on a batch stopped. */
export interface BatchFailure extends Partial<UpstreamCause> {
  readonly message: string;
}

/** One batch of a stop. */
export interface BatchStop {
  readonly before: BatchReading;
  readonly after: BatchReading;
  readonly strategyClosed: boolean;
  /** The last ones; `callsMade` counts all. */
  readonly calls: readonly BatchCallRecord[];
  readonly callsMade: number;
  /** Devices in calls by device that the upstream answered with Success. */
  readonly swept: number;
  /** Tasks in the asked-for states at the last count; undefined if they were never counted. */
  readonly left: number | undefined;
  readonly failure: BatchFailure | undefined;
}

export const MOST_RECORDED_CALLS = 20;
