// Turns the record of a stop into its metadata, and its report into the response.
import {
  type JobStop,
  OperationState,
  Step,
  type StopRolloutMetadata,
  type StopRolloutResponse,
  type UpstreamCall,
} from "../../gen/ota/v1/ota_service.js";
import { type StopSpec, stopDetailOf } from "../../operations/stop/stop-spec.js";
import type { OperationRecord } from "../../operations/store.js";
import type { BatchStop } from "../../rollout/batch-record.js";
import type { StopStep } from "../../rollout/stop-call.js";
import { durationOf, timestampOf } from "../wire/details.js";
import { deviceStatusOf } from "../wire/status.js";
import { rolloutJobOf } from "./rollout.js";
import { wireStopOf } from "./stop-request.js";

const STEPS: Record<StopStep, Step> = {
  plan: Step.PLAN,
  close: Step.CLOSE,
  cancel: Step.CANCEL,
  settle: Step.SETTLE,
  sweep: Step.SWEEP,
  done: Step.DONE,
};

/** The fields that the metadata of all operations have. */
type Shared = Pick<
  StopRolloutMetadata,
  "caller" | "state" | "createTime" | "endTime" | "expireTime" | "obstacle" | "durable" | "updateTime"
>;

export function stopMetadataOf(record: OperationRecord, shared: Shared): StopRolloutMetadata {
  const detail = stopDetailOf(record.progress.detail);
  const isOver = shared.state !== OperationState.RUNNING && shared.state !== OperationState.STOPPING;
  return {
    ...shared,
    request: wireStopOf(JSON.parse(record.spec) as StopSpec),
    startTime: detail && timestampOf(detail.startMs),
    step: isOver ? Step.DONE : detail ? STEPS[detail.step] : Step.PLAN,
    jobs: detail?.batches.map(jobStopOf) ?? [],
  };
}

export function stopResponseOf(record: OperationRecord): StopRolloutResponse {
  const detail = stopDetailOf(record.progress.detail);
  const { stopped = false, etag = "", otherOpenJobs = [] } = detail?.report ?? {};
  return { jobs: detail?.batches.map(jobStopOf) ?? [], stopped, etag, otherOpenJobs: [...otherOpenJobs] };
}

function jobStopOf(batch: BatchStop): JobStop {
  const { before, after, strategyClosed, calls, callsMade, swept, left, failure } = batch;
  const handed = (before.counts.NOTIFIED ?? 0) + (before.counts.IN_PROGRESS ?? 0);
  return {
    before: rolloutJobOf(before),
    after: rolloutJobOf(after),
    strategyClosed,
    calls: calls.map(upstreamCallOf),
    swept: BigInt(swept),
    left: BigInt(left ?? 0),
    mayStillInstall: BigInt(handed),
    alreadyInstalled: BigInt(after.counts.SUCCEEDED ?? 0),
    failure: failure && deviceStatusOf(failureOf(failure)),
    callsMade: BigInt(callsMade),
  };
}

function failureOf({ message, code, requestId }: NonNullable<BatchStop["failure"]>) {
  if (code === undefined || requestId === undefined) return { kind: "unavailable", message } as const;
  return { kind: "rejected", rejection: "precondition", message, upstream: { code, requestId } } as const;
}

function upstreamCallOf(call: BatchStop["calls"][number]): UpstreamCall {
  const { operation, requestId, success, code, message, attempts, sentWallMs, durationMs } = call;
  return {
    ...{ operation, requestId, success, code, attempts, errorMessage: message, deviceCount: 0 },
    sentTime: sentWallMs === undefined ? undefined : timestampOf(sentWallMs),
    duration: durationMs === undefined ? undefined : durationOf(durationMs),
  };
}
