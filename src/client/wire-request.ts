// Translates requests of the client to the wire. Throws OtaError for values that the wire would
// carry as something else.
import {
  CancelSpec,
  CancelTasksByDeviceRequest,
  GetRolloutRequest,
  StopRolloutRequest,
  Priority as WirePriority,
  TaskState as WireTaskState,
} from "../gen/ota/v1/ota_service.js";
import { checkRequestTypes } from "./argument-types.js";
import { invalidError } from "./ota-error.js";
import type { CancelRequest, CancelScope, Priority, StopRequest, SubmitSpec } from "./request.js";
import type { RolloutRequest } from "./rollout.js";
import { wireDuration } from "./wire-time.js";

const PRIORITIES: Record<Priority, WirePriority> = {
  bulk: WirePriority.BULK,
  normal: WirePriority.NORMAL,
  urgent: WirePriority.URGENT,
};

const STATES: Record<NonNullable<StopRequest["states"]>[number], WireTaskState> = {
  CONFIRM: WireTaskState.CONFIRM,
  QUEUED: WireTaskState.QUEUED,
  NOTIFIED: WireTaskState.NOTIFIED,
  IN_PROGRESS: WireTaskState.IN_PROGRESS,
};

/** The most that a gateway can be configured to accept in one request. */
const MOST_DEVICES = 100_000;
/** A size that no such request has. */
const MOST_NAME_BYTES = MOST_DEVICES * 34;

/**
 * Translates a request. Throws OtaError for wrong types, for an unknown priority, which would
 * otherwise become the default, and for more names than any gateway accepts.
 */
export function wireRequestOf(request: CancelRequest | CancelScope): CancelTasksByDeviceRequest {
  checkRequestTypes(request);
  const { priority, deviceNames = [], ...rest }: Partial<CancelRequest> = request;
  checkSize(deviceNames);
  checkPriority(priority);
  return CancelTasksByDeviceRequest.fromPartial({
    ...rest,
    deviceNames: deviceNames as string[],
    ...(priority && { priority: PRIORITIES[priority] }),
  });
}

/** The same for a submission. */
export function wireSubmissionOf(spec: SubmitSpec): CancelSpec {
  checkRequestTypes(spec);
  const { priority, timeToLiveMs, ...rest } = spec;
  checkPriority(priority);
  return CancelSpec.fromPartial({
    ...rest,
    ...(priority && { priority: PRIORITIES[priority] }),
    ...(timeToLiveMs !== undefined && { timeToLive: wireDuration(timeToLiveMs) }),
  });
}

/** The same for a stop. */
export function wireStopRequestOf(request: StopRequest): StopRolloutRequest {
  checkRequestTypes(request);
  const { priority, states = [], settleMs, timeToLiveMs, ...rest } = request;
  checkPriority(priority);
  const unknown = states.findIndex((state) => !Object.hasOwn(STATES, state));
  if (unknown >= 0) throw invalidError(`states[${unknown}]`, `must be one of ${Object.keys(STATES).join(", ")}`);
  return StopRolloutRequest.fromPartial({
    ...rest,
    states: states.map((state) => STATES[state]),
    ...(priority && { priority: PRIORITIES[priority] }),
    ...(settleMs !== undefined && { settle: wireDuration(settleMs) }),
    ...(timeToLiveMs !== undefined && { timeToLive: wireDuration(timeToLiveMs) }),
  });
}

/** The same for the reading of a rollout. */
export function wireRolloutRequestOf(request: RolloutRequest): GetRolloutRequest {
  checkRequestTypes(request);
  return GetRolloutRequest.fromPartial({ ...request });
}

function checkPriority(priority: Priority | undefined): void {
  if (priority !== undefined && !Object.hasOwn(PRIORITIES, priority)) {
    throw invalidError("priority", `must be one of ${Object.keys(PRIORITIES).join(", ")}`);
  }
}

/** Before megabytes are sent for nothing. */
function checkSize(names: readonly string[]): void {
  if (names.length > MOST_DEVICES) throw tooLarge(`has ${names.length} names`, `${MOST_DEVICES} names`);
  const bytes = names.reduce((sum, name) => sum + name.length, 0);
  if (bytes > MOST_NAME_BYTES) throw tooLarge(`has ${bytes} bytes`, `${MOST_NAME_BYTES} bytes`);
}

function tooLarge(found: string, limit: string): Error {
  return invalidError("device_names", `${found}, more than any gateway accepts (limit ${limit}); use cancelAll`);
}
