// Turns the record of an operation into google.longrunning.Operation, with its metadata and its
// response or error.
import { FAILED_OUTCOMES, OUTCOMES } from "../../gateway/device-outcome.js";
import type { Failure } from "../../gateway/failures.js";
import type { Operation } from "../../gen/google/longrunning/operations.js";
import type { Any } from "../../gen/google/protobuf/any.js";
import {
  OperationState,
  type OutcomeCount,
  StopRolloutMetadata,
  StopRolloutResponse,
  SubmitCancelTasksByDeviceMetadata,
  SubmitCancelTasksByDeviceResponse,
} from "../../gen/ota/v1/ota_service.js";
import { CANCEL_LIST, type CancelListSpec } from "../../operations/cancel-list.js";
import { STOP_ROLLOUT } from "../../operations/stop/stop-spec.js";
import type { OperationRecord, OperationState as StoredState } from "../../operations/store.js";
import { durationOf, timestampOf } from "../wire/details.js";
import { deviceStatusOf } from "../wire/status.js";
import { wireSpecOf } from "./request.js";
import { WIRE_OUTCOMES } from "./response.js";
import { stopMetadataOf, stopResponseOf } from "./stop-message.js";

export const NAME_PREFIX = "operations/";

const STATES: Record<StoredState, OperationState> = {
  running: OperationState.RUNNING,
  stopping: OperationState.STOPPING,
  done: OperationState.DONE,
  stopped: OperationState.STOPPED,
  expired: OperationState.EXPIRED,
};

/** `durable`: whether it survives this process. */
export function operationMessageOf(record: OperationRecord, durable: boolean): Operation {
  const done = record.endMs !== undefined;
  return {
    name: `${NAME_PREFIX}${record.id}`,
    metadata: packedMetadataOf(record, durable),
    done,
    result: done ? resultOf(record) : undefined,
  };
}

function packedMetadataOf(record: OperationRecord, durable: boolean): Any {
  const list = metadataOf(record, durable);
  if (record.kind !== STOP_ROLLOUT)
    return pack("SubmitCancelTasksByDeviceMetadata", SubmitCancelTasksByDeviceMetadata, list);
  return pack("StopRolloutMetadata", StopRolloutMetadata, stopMetadataOf(record, list));
}

function metadataOf(record: OperationRecord, durable: boolean): SubmitCancelTasksByDeviceMetadata {
  const { progress, startMs, endMs } = record;
  const isKnown = record.kind === CANCEL_LIST;
  return {
    caller: record.caller,
    spec: isKnown ? wireSpecOf(JSON.parse(record.spec) as CancelListSpec) : undefined,
    state: STATES[record.state],
    createTime: timestampOf(record.createMs),
    startTime: startMs === undefined ? undefined : timestampOf(startMs),
    endTime: endMs === undefined ? undefined : timestampOf(endMs),
    expireTime: timestampOf(record.expireMs),
    devices: BigInt(record.devices),
    devicesRepeated: BigInt(record.repeated),
    devicesWaiting: BigInt(record.waiting),
    outcomes: outcomesOf(record),
    upstreamCalls: BigInt(progress.calls),
    expectedRemaining: progress.remainingMs >= 0 ? durationOf(progress.remainingMs) : undefined,
    obstacle: record.held ? HELD : progress.obstacle,
    durable,
    updateTime: timestampOf(record.updateMs),
  };
}

const HELD = "found in a restored copy of the store; an operator has to resume it";

function resultOf(record: OperationRecord): Operation["result"] {
  if (record.failure !== "") {
    return { $case: "error", error: deviceStatusOf(JSON.parse(record.failure) as Failure) };
  }
  if (record.kind === STOP_ROLLOUT) {
    const report = pack("StopRolloutResponse", StopRolloutResponse, stopResponseOf(record));
    return { $case: "response", response: report };
  }
  const response = {
    devices: BigInt(record.devices),
    outcomes: outcomesOf(record),
    success: OUTCOMES.every((kind, index) => !FAILED_OUTCOMES.has(kind) || record.counts[index] === 0),
  };
  const packed = pack("SubmitCancelTasksByDeviceResponse", SubmitCancelTasksByDeviceResponse, response);
  return { $case: "response", response: packed };
}

function outcomesOf({ counts }: OperationRecord): OutcomeCount[] {
  return OUTCOMES.flatMap((kind, index) => {
    const devices = counts[index] ?? 0;
    return devices > 0 ? [{ outcome: WIRE_OUTCOMES[kind], devices: BigInt(devices) }] : [];
  });
}

function pack<T>(type: string, codec: { encode(message: T): { finish(): Uint8Array } }, message: T): Any {
  return { typeUrl: `type.googleapis.com/ota.v1.${type}`, value: Buffer.from(codec.encode(message).finish()) };
}
