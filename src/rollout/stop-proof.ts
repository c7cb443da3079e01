// The claims of a stop: why it may not begin, and when a batch counts as stopped.
import type { BatchStop } from "./batch-record.js";
import { hasNewJob } from "./etag.js";
import { JOB_TASK_STATES, type JobRow } from "./job-operator.js";
import type { StopBatch } from "./stop-batch.js";
import type { StopConclusion, StopOrder } from "./stop-call.js";

/** Why nothing may be changed; undefined if it may. */
export function objectionTo(
  { jobId, etag }: StopOrder,
  own: readonly JobRow[],
  open: readonly string[],
): StopConclusion | undefined {
  const objection = { kind: "unplanned", end: undefined } as const;
  if (jobId !== "" && own.length === 0) {
    return { ...objection, reason: "foreign", message: "the batch is of another product or package" };
  }
  if (etag === "" || !hasNewJob(etag, open)) return undefined;
  const message = "the rollout has batches that it did not have when it was read; read it again";
  return { ...objection, reason: "changed", message };
}

/**
 * Whether a batch is stopped. The last change was answered at `changedMs`; counts that began before
 * `sinceMs` prove nothing.
 */
export function isBatchStopped(batch: StopBatch, order: StopOrder, changedMs: number, sinceMs: number): boolean {
  const { kind, row, isPlanned, isOverBefore, counts } = batch;
  const isClosed = kind !== "dynamic" || order.keepStrategies || row.status === "CANCELED";
  const isRead = JOB_TASK_STATES.every((state) => (counts.of(state)?.sentMs ?? -Infinity) >= changedMs);
  return isClosed && !isPlanned && (isRead || isOverBefore) && batch.isProvedEmpty(sinceMs);
}

/** A batch that the upstream does not say enough about is not touched. */
export function unclearStop(jobId: string, why: string): BatchStop {
  const reading = { jobId, kind: undefined, status: "", created: "", counts: {}, countedWallMs: undefined };
  const unread = { ...reading, incomplete: why };
  const none = { strategyClosed: false, calls: [], callsMade: 0, swept: 0, left: undefined };
  return { before: unread, after: unread, ...none, failure: { message: `not touched: ${why}` } };
}
