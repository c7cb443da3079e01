// A rollout for Node services: its batches with names instead of numbers, and counts that are
// missing where they were not counted.
import {
  type RolloutJob as WireJob,
  JobKind as WireKind,
  type Rollout as WireRollout,
} from "../gen/ota/v1/ota_service.js";
import { dateOf } from "./wire-time.js";

/** The update package whose batches are read; see GetRolloutRequest in ota_service.proto. */
export interface RolloutRequest {
  readonly productKey: string;
  readonly firmwareId: string;
  /** Only this batch. */
  readonly jobId?: string;
  readonly iotInstanceId?: string;
  /** Name of a configured account. */
  readonly account?: string;
}

export interface Rollout {
  /** The latest first. */
  readonly jobs: readonly RolloutJob[];
  /** Stands for the set of open batches. */
  readonly etag: string;
  readonly readTime: Date | undefined;
}

/** One update batch. */
export interface RolloutJob {
  readonly jobId: string;
  readonly kind: "STATIC" | "DYNAMIC" | "VERIFY" | "UNSPECIFIED";
  /** The upstream's word. Only `counts` say whether tasks are open. */
  readonly status: string;
  readonly createTime: Date | undefined;
  readonly counts: JobCounts;
  /** Why counts are missing; empty if none is. */
  readonly incomplete: string;
  /** When the oldest of the counts was read. */
  readonly countTime: Date | undefined;
}

/** Tasks by state; undefined for a state that was not counted. */
export interface JobCounts {
  readonly confirm: number | undefined;
  readonly queued: number | undefined;
  readonly notified: number | undefined;
  readonly inProgress: number | undefined;
  readonly succeeded: number | undefined;
  readonly failed: number | undefined;
  readonly canceled: number | undefined;
}

export function rolloutByWire({ jobs, etag, readTime }: WireRollout): Rollout {
  return { jobs: jobs.map(jobByWire), etag, readTime: readTime && dateOf(readTime) };
}

export function jobByWire({ jobId, kind, status, createTime, counts, incomplete, countTime }: WireJob): RolloutJob {
  const number = (count: bigint | undefined) => (count === undefined ? undefined : Number(count));
  return {
    ...{ jobId, status, incomplete, kind: (WireKind[kind] ?? "UNSPECIFIED") as RolloutJob["kind"] },
    createTime: createTime && dateOf(createTime),
    counts: {
      confirm: number(counts?.confirm),
      queued: number(counts?.queued),
      notified: number(counts?.notified),
      inProgress: number(counts?.inProgress),
      succeeded: number(counts?.succeeded),
      failed: number(counts?.failed),
      canceled: number(counts?.canceled),
    },
    countTime: countTime && dateOf(countTime),
  };
}
