// The stop of a rollout for the audit log: its plan as long as it runs, then its report. No device
// names.
import type { AuditedRollout } from "../observe/audit/audit-record.js";
import { type StopSpec, stopDetailOf } from "../operations/stop/stop-spec.js";
import type { OperationRecord } from "../operations/store.js";

export function auditedRolloutOf({ spec, progress, endMs }: OperationRecord): AuditedRollout {
  const { states, keepStrategies } = JSON.parse(spec) as StopSpec;
  const { batches = [], report } = stopDetailOf(progress.detail) ?? {};
  const jobs = batches.map(({ before, after, strategyClosed, swept, left, calls, failure }) => ({
    jobId: before.jobId,
    kind: before.kind ?? "",
    before: before.counts,
    after: after.counts,
    ...{ strategyClosed, swept },
    ...(left !== undefined && { left }),
    ...(failure && { failure: failure.message }),
    upstreamRequestIds: calls.flatMap(({ requestId }) => requestId || []),
  }));
  const end = endMs !== undefined && { stopped: report?.stopped ?? false, otherOpenJobs: report?.otherOpenJobs ?? [] };
  return { states, keepStrategies, jobs, ...end };
}
