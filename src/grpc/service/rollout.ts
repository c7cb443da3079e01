// Turns a reading of a rollout into the response of GetRollout.
import { JobKind, type Rollout, type RolloutJob, type TaskCounts } from "../../gen/ota/v1/ota_service.js";
import type { BatchReading } from "../../rollout/batch-record.js";
import type { BatchKind } from "../../rollout/job-operator.js";
import type { RolloutAnswer } from "../../rollout/rollout-reader.js";
import { timestampOf } from "../wire/details.js";

const KINDS: Record<BatchKind, JobKind> = {
  static: JobKind.STATIC,
  dynamic: JobKind.DYNAMIC,
  verify: JobKind.VERIFY,
};

export function rolloutOf({ batches, etag, readWallMs }: RolloutAnswer): Rollout {
  return { jobs: batches.map(rolloutJobOf), etag, readTime: timestampOf(readWallMs) };
}

export function rolloutJobOf(batch: BatchReading): RolloutJob {
  const { jobId, kind, status, created, counts, incomplete, countedWallMs } = batch;
  const createdWallMs = Date.parse(created);
  return {
    ...{ jobId, status, incomplete, kind: kind ? KINDS[kind] : JobKind.UNSPECIFIED },
    createTime: Number.isFinite(createdWallMs) ? timestampOf(createdWallMs) : undefined,
    counts: Object.keys(counts).length > 0 ? taskCountsOf(counts) : undefined,
    countTime: countedWallMs === undefined ? undefined : timestampOf(countedWallMs),
  };
}

function taskCountsOf(counts: BatchReading["counts"]): TaskCounts {
  const wire = (count: number | undefined) => (count === undefined ? undefined : BigInt(count));
  return {
    confirm: wire(counts.CONFIRM),
    queued: wire(counts.QUEUED),
    notified: wire(counts.NOTIFIED),
    inProgress: wire(counts.IN_PROGRESS),
    succeeded: wire(counts.SUCCEEDED),
    failed: wire(counts.FAILED),
    canceled: wire(counts.CANCELED),
  };
}
