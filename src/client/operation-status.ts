// The state of an operation at one moment, of either kind: a list of devices, or the stop of a
// rollout.
import type { Operation as WireOperation } from "../gen/google/longrunning/operations.js";
import {
  type CancelSpec,
  StopRolloutMetadata,
  type StopRolloutRequest,
  StopRolloutResponse,
  SubmitCancelTasksByDeviceMetadata,
  OperationState as WireState,
} from "../gen/ota/v1/ota_service.js";
import { type Failure, failureOf } from "./failure.js";
import type { CancelScope } from "./request.js";
import { isGood, type Outcome, outcomeNameOf } from "./response.js";
import { type JobStop, type StopProgress, stopProgressOf } from "./stop-progress.js";
import { dateOf, msOf } from "./wire-time.js";

const STOP_METADATA = "/ota.v1.StopRolloutMetadata";

/** The state of an operation at one moment. */
export interface OperationStatus {
  readonly name: string;
  readonly done: boolean;
  readonly state: Exclude<keyof typeof WireState, "UNRECOGNIZED">;
  readonly caller: string;
  /** The tasks that it cancels. */
  readonly scope: CancelScope;
  /** Distinct devices, and names that repeated one of them. Of a stop: its tasks before that. */
  readonly devices: number;
  readonly devicesRepeated: number;
  /** Devices without an outcome. Of a stop: its tasks that are left, as last counted. */
  readonly devicesWaiting: number;
  /** Empty for a stop, which counts tasks in `stop`. */
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>;
  /** Of a stop: its steps and batches, and at its end the report. Absent for a list. */
  readonly stop?: StopProgress;
  /** Whether it is done and every device ended well; of a stop, whether nothing is left. */
  readonly success: boolean;
  /** Why it did not end well; absent while it runs, and if at least one device ended well. */
  readonly failure?: Failure;
  /** Of a stop: calls on whole batches. */
  readonly upstreamCalls: number;
  readonly expectedRemainingMs?: number;
  /** Why it makes no progress at the moment; empty while it does. */
  readonly obstacle: string;
  /** False if it is lost with the gateway's process. */
  readonly durable: boolean;
  readonly createTime: Date;
  readonly startTime?: Date;
  readonly endTime?: Date;
  readonly expireTime: Date;
}

/** Reads the snapshot of an operation of either kind. */
export function operationStatusOf(operation: WireOperation): OperationStatus {
  return operation.metadata?.typeUrl.endsWith(STOP_METADATA) ? stopStatusOf(operation) : listStatusOf(operation);
}

function listStatusOf({ name, done, metadata, result }: WireOperation): OperationStatus {
  const told = SubmitCancelTasksByDeviceMetadata.decode(metadata?.value ?? new Uint8Array());
  const outcomes: Partial<Record<Outcome, number>> = {};
  for (const { outcome, devices } of told.outcomes) {
    const known = outcomeNameOf(outcome); // several that only a newer gateway knows have one name
    outcomes[known] = (outcomes[known] ?? 0) + Number(devices);
  }
  const isWell = (Object.keys(outcomes) as Outcome[]).every(isGood);
  return {
    ...{ name, done, outcomes, caller: told.caller, obstacle: told.obstacle, durable: told.durable },
    scope: scopeOf(told.spec),
    state: (WireState[told.state] ?? "UNSPECIFIED") as OperationStatus["state"],
    devices: Number(told.devices),
    devicesRepeated: Number(told.devicesRepeated),
    devicesWaiting: Number(told.devicesWaiting),
    success: result?.$case === "response" && isWell,
    ...(result?.$case === "error" && { failure: failureOf(result.error) }),
    upstreamCalls: Number(told.upstreamCalls),
    ...(told.expectedRemaining && { expectedRemainingMs: msOf(told.expectedRemaining) }),
    ...timesOf(told),
  };
}

function stopStatusOf({ name, done, metadata, result }: WireOperation): OperationStatus {
  const told = StopRolloutMetadata.decode(metadata?.value ?? new Uint8Array());
  const response = result?.$case === "response" ? StopRolloutResponse.decode(result.response.value) : undefined;
  const stop = stopProgressOf(told, response);
  const sum = (numberOf: (job: JobStop) => number) => stop.jobs.reduce((all, job) => all + numberOf(job), 0);
  return {
    ...{ name, done, outcomes: {}, caller: told.caller, obstacle: told.obstacle, durable: told.durable, stop },
    scope: scopeOf(told.request),
    state: (WireState[told.state] ?? "UNSPECIFIED") as OperationStatus["state"],
    devices: sum(({ asked }) => asked),
    devicesRepeated: 0,
    devicesWaiting: sum(({ left }) => left),
    success: stop.stopped,
    ...(result?.$case === "error" && { failure: failureOf(result.error) }),
    upstreamCalls: sum(({ callsMade }) => callsMade),
    ...timesOf(told),
  };
}

function timesOf(told: SubmitCancelTasksByDeviceMetadata | StopRolloutMetadata) {
  return {
    createTime: dateOf(told.createTime ?? EPOCH),
    ...(told.startTime && { startTime: dateOf(told.startTime) }),
    ...(told.endTime && { endTime: dateOf(told.endTime) }),
    expireTime: dateOf(told.expireTime ?? EPOCH),
  };
}

function scopeOf(spec: CancelSpec | StopRolloutRequest | undefined): CancelScope {
  const { productKey = "", firmwareId = "", jobId, iotInstanceId, account, reason } = spec ?? {};
  return {
    ...{ productKey, firmwareId },
    ...(jobId && { jobId }),
    ...(iotInstanceId && { iotInstanceId }),
    ...(account && { account }),
    ...(reason && { reason }),
    ...(spec && "verify" in spec && spec.verify && { verify: true }),
  };
}

const EPOCH = { seconds: 0n, nanos: 0 };
