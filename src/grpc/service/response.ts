// Turns the gateway's answer, or its plan, into a response.
import type { Plan } from "../../gateway/admission/admission.js";
import type { DeviceOutcome } from "../../gateway/device-outcome.js";
import type { CheckedDevice } from "../../gateway/existence/device-check.js";
import type { Failure } from "../../gateway/failures.js";
import { isWell } from "../../gateway/verdict.js";
import type { Answer, CallRecord } from "../../gateway/waiter.js";
import type { Status } from "../../gen/google/rpc/status.js";
import {
  type CancelPlan,
  type CancelTasksByDeviceResponse,
  type DeviceResult,
  Outcome,
  type UpstreamCall,
} from "../../gen/ota/v1/ota_service.js";
import { durationOf, timestampOf } from "../wire/details.js";
import { deviceStatusOf } from "../wire/status.js";

/** The outcomes of the contract. */
export const WIRE_OUTCOMES: Record<DeviceOutcome["kind"], Outcome> = {
  accepted: Outcome.ACCEPTED,
  "verified-canceled": Outcome.VERIFIED_CANCELED,
  "already-finished": Outcome.ALREADY_FINISHED,
  "no-task": Outcome.NO_TASK,
  rejected: Outcome.REJECTED,
  unknown: Outcome.UNKNOWN,
  "not-attempted": Outcome.NOT_ATTEMPTED,
};

/** The response of a request that was carried out. */
export function responseOf(answer: Answer, deviceNames: readonly string[]): CancelTasksByDeviceResponse {
  const statusOf = createStatuses();
  const results = answer.outcomes.map(
    (outcome, index): DeviceResult => ({
      deviceName: deviceNames[index] as string,
      outcome: WIRE_OUTCOMES[outcome.kind],
      status: statusOf(failureOf(outcome)),
      callIndex: answer.callIndexes[index] as number,
    }),
  );
  return {
    results,
    calls: answer.calls.map(wireCall),
    quotaWait: durationOf(answer.quotaWaitMs),
    success: answer.outcomes.every(isWell),
    plan: undefined,
  };
}

/** The response of a request that was only validated. */
export function planResponseOf(plan: Plan, deviceNames: readonly string[]): CancelTasksByDeviceResponse {
  const results = deviceNames.map((deviceName) => ({
    deviceName,
    outcome: Outcome.NOT_ATTEMPTED,
    status: undefined,
    callIndex: -1,
  }));
  return unsentResponse(plan, results, { devicesExisting: 0, devicesMissing: 0, devicesNotRead: 0 });
}

/** The response of a request that was validated, and whose devices were looked up. */
export function checkResponseOf(
  plan: Plan,
  deviceNames: readonly string[],
  checked: readonly CheckedDevice[],
): CancelTasksByDeviceResponse {
  const statusOf = createStatuses();
  const results = checked.map((device, index) => ({
    deviceName: deviceNames[index] as string,
    outcome: device.kind === "missing" ? Outcome.REJECTED : Outcome.NOT_ATTEMPTED,
    status: statusOf(device.kind === "existing" ? undefined : device.failure),
    callIndex: -1,
  }));
  const count = (kind: CheckedDevice["kind"]) => checked.filter((device) => device.kind === kind).length;
  return unsentResponse(plan, results, {
    devicesExisting: count("existing"),
    devicesMissing: count("missing"),
    devicesNotRead: count("not-read"),
  });
}

function unsentResponse(
  { calls, waitMs, durationMs }: Plan,
  results: DeviceResult[],
  counts: Pick<CancelPlan, "devicesExisting" | "devicesMissing" | "devicesNotRead">,
): CancelTasksByDeviceResponse {
  const plan = { calls, expectedWait: durationOf(waitMs), expectedDuration: durationOf(durationMs), ...counts };
  return { results, calls: [], quotaWait: durationOf(0), success: false, plan };
}

/** The statuses of one response: thousands of devices share a failure. */
function createStatuses(): (failure: Failure | undefined) => Status | undefined {
  let statuses: Map<Failure, Status> | undefined;
  return (failure) => {
    if (!failure) return undefined;
    statuses ??= new Map();
    let status = statuses.get(failure);
    if (!status) {
      status = deviceStatusOf(failure);
      statuses.set(failure, status);
    }
    return status;
  };
}

/** Why a device failed, or what could not be verified about one that did not. */
function failureOf(outcome: DeviceOutcome): Failure | undefined {
  if ("failure" in outcome) return outcome.failure;
  return "unverified" in outcome ? outcome.unverified : undefined;
}

function wireCall(call: CallRecord): UpstreamCall {
  return {
    requestId: call.requestId,
    deviceCount: call.deviceCount,
    operation: "",
    success: call.success,
    code: call.code,
    errorMessage: call.message,
    attempts: call.attempts,
    sentTime: timestampOf(call.sentWallMs),
    duration: call.durationMs === undefined ? undefined : durationOf(call.durationMs),
  };
}
