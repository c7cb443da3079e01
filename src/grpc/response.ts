// From the gateway's answer to what stands on the wire.
import type { Plan } from "../gateway/admission.js";
import type { Failure } from "../gateway/errors.js";
import { isWell } from "../gateway/verdict.js";
import type { Answer, CallRecord, Fate } from "../gateway/waiter.js";
import type { Status } from "../gen/google/rpc/status.js";
import {
  type CancelTasksByDeviceResponse,
  type DeviceResult,
  Outcome,
  type UpstreamCall,
} from "../gen/ota/v1/ota_service.js";
import { durationOf, timestampOf } from "./details.js";
import { deviceStatusOf } from "./status.js";

const OUTCOMES: Record<Fate["outcome"], Outcome> = {
  accepted: Outcome.ACCEPTED,
  rejected: Outcome.REJECTED,
  unknown: Outcome.UNKNOWN,
  "not-attempted": Outcome.NOT_ATTEMPTED,
};

/** The response of a request that was carried out. */
export function responseOf(answer: Answer, deviceNames: readonly string[]): CancelTasksByDeviceResponse {
  const statuses = new Map<Failure, Status>(); // thousands of devices share a failure
  const statusOf = (fate: Fate): Status | undefined => {
    if (!("failure" in fate)) return undefined;
    let status = statuses.get(fate.failure);
    if (!status) {
      status = deviceStatusOf(fate.failure);
      statuses.set(fate.failure, status);
    }
    return status;
  };
  const results = answer.fates.map(
    (fate, index): DeviceResult => ({
      deviceName: deviceNames[index] as string,
      outcome: OUTCOMES[fate.outcome],
      status: statusOf(fate),
      callIndex: answer.callIndexes[index] as number,
    }),
  );
  return {
    results,
    calls: answer.calls.map(wireCall),
    quotaWait: durationOf(answer.quotaWaitMs),
    success: answer.fates.every(isWell),
    plan: undefined,
  };
}

/** The response of a request that was only validated. */
export function planResponseOf(plan: Plan, deviceNames: readonly string[]): CancelTasksByDeviceResponse {
  return {
    results: deviceNames.map((deviceName) => ({
      deviceName,
      outcome: Outcome.NOT_ATTEMPTED,
      status: undefined,
      callIndex: -1,
    })),
    calls: [],
    quotaWait: durationOf(0),
    success: false,
    plan: {
      calls: plan.calls,
      expectedWait: durationOf(plan.waitMs),
      expectedDuration: durationOf(plan.durationMs),
    },
  };
}

function wireCall(call: CallRecord): UpstreamCall {
  return {
    requestId: call.requestId,
    deviceCount: call.deviceCount,
    success: call.success,
    code: call.code,
    errorMessage: call.message,
    attempts: call.attempts,
    sentTime: timestampOf(call.sentWallMs),
    duration: call.durationMs === undefined ? undefined : durationOf(call.durationMs),
  };
}
