// Operations as the admin page shows them: who, what, how far, and what is in the way or failed. No
// device names. Converted once for each reading of the store, not for each snapshot of the page.
import { FAILED_OUTCOMES, OUTCOMES } from "../gateway/device-outcome.js";
import type { Failure } from "../gateway/failures.js";
import { shownText } from "../observe/admin/shown-text.js";
import type { BatchSnapshot, OperationSnapshot, OperationsSnapshot, Snapshot } from "../observe/admin/snapshot.js";
import type { CancelListSpec } from "../operations/cancel-list.js";
import type { OperationsReading } from "../operations/operations-watch.js";
import { STOP_ROLLOUT, stopDetailOf } from "../operations/stop/stop-spec.js";
import type { OperationRecord } from "../operations/store.js";
import type { BatchStop } from "../rollout/batch-record.js";
import { OPEN_STATES } from "../rollout/job-operator.js";

const MOST_RUNNING = 20;
const MOST_BATCHES = 5;
const LONGEST_NAME = 64;
const LONGEST_TEXT = 300;

/** Returns the part of a snapshot; empty while there is no store. */
export function createShownOperations(
  reading: () => OperationsReading | undefined,
): () => Pick<Snapshot, "operations"> {
  let last: { readonly reading: OperationsReading; readonly operations: OperationsSnapshot } | undefined;
  return () => {
    const now = reading();
    if (!now) return {};
    if (now !== last?.reading) last = { reading: now, operations: shownOperationsOf(now) };
    return { operations: last.operations };
  };
}

function shownOperationsOf({ wallMs, running, ended, isStale }: OperationsReading): OperationsSnapshot {
  return {
    ...{ readWallMs: wallMs, isStale },
    open: running.slice(0, MOST_RUNNING).map(shownOperation),
    moreOpen: Math.max(0, running.length - MOST_RUNNING),
    ended: ended.map(shownOperation),
  };
}

function shownOperation(record: OperationRecord): OperationSnapshot {
  const { id, kind, caller, account, state, held, createMs, endMs, devices, waiting, counts, progress } = record;
  const spec = JSON.parse(record.spec) as Partial<CancelListSpec>; // of a newer version, perhaps
  const { productKey = "", firmwareId = "", jobId = "" } = spec.scope ?? {};
  const isStop = kind === STOP_ROLLOUT;
  const detail = isStop ? stopDetailOf(progress.detail) : undefined;
  const failure = record.failure === "" ? undefined : (JSON.parse(record.failure) as Failure);
  return {
    id,
    kind: isStop ? "stop-rollout" : "cancel-list",
    caller: shownText(caller, LONGEST_NAME),
    account,
    productKey: shownText(productKey, LONGEST_NAME),
    firmwareId: shownText(firmwareId, LONGEST_NAME),
    jobId: shownText(jobId, LONGEST_NAME),
    state: held ? "held" : state,
    createWallMs: createMs,
    ...(endMs !== undefined && { endWallMs: endMs }),
    ...{ devices, waiting },
    failed: OUTCOMES.reduce((sum, kind, index) => sum + (FAILED_OUTCOMES.has(kind) ? (counts[index] ?? 0) : 0), 0),
    ...(endMs === undefined && progress.remainingMs >= 0 && { remainingMs: progress.remainingMs }),
    ...(detail && { step: detail.step, batches: detail.batches.slice(0, MOST_BATCHES).map(shownBatch) }),
    ...(detail && { moreBatches: Math.max(0, detail.batches.length - MOST_BATCHES) }),
    ...(detail?.report && { isRolloutStopped: detail.report.stopped }),
    obstacle: endMs === undefined ? shownText(progress.obstacle, LONGEST_TEXT) : "",
    failure: failure ? shownText(failure.upstream?.code ?? failure.message, LONGEST_TEXT) : "",
  };
}

function shownBatch({ before, left, failure }: BatchStop): BatchSnapshot {
  return {
    jobId: shownText(before.jobId, LONGEST_NAME),
    openBefore: OPEN_STATES.reduce((sum, state) => sum + (before.counts[state] ?? 0), 0),
    ...(left !== undefined && { left }),
    failure: failure ? shownText(failure.code ?? failure.message, LONGEST_TEXT) : "",
  };
}
