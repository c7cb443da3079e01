// Translates answers for Node services: names instead of numbers, milliseconds instead of
// durations, and each device's result with the call that held it.
import {
  type CancelTasksByDeviceResponse,
  type GetQuotaResponse,
  type UpstreamCall as WireCall,
  Counted as WireCounted,
  Ledger as WireLedger,
  Outcome as WireOutcome,
  type CancelPlan as WirePlan,
  type DeviceResult as WireResult,
} from "../gen/ota/v1/ota_service.js";
import { type Failure, failureOf } from "./failure.js";
import { dateOf, msOf } from "./wire-time.js";

/** The state of knowledge about one device; see `Outcome` in ota_service.proto. */
export type Outcome = Exclude<keyof typeof WireOutcome, "UNSPECIFIED" | "UNRECOGNIZED">;

export interface DeviceResult {
  readonly deviceName: string;
  readonly outcome: Outcome;
  /** True for ACCEPTED, VERIFIED_CANCELED, ALREADY_FINISHED and NO_TASK. */
  readonly ok: boolean;
  /** Why it did not end well; with NOT_VERIFIED, why an accepted cancel could not be read back. */
  readonly failure?: Failure;
  /** The last upstream call that held the device. */
  readonly call?: UpstreamCall;
}

/** One canceling HTTP request to the upstream: with devices of this one, or on a whole batch. */
export interface UpstreamCall {
  /** Empty if no answer carried one. */
  readonly requestId: string;
  /** Number of devices of this request in the call. */
  readonly deviceCount: number;
  readonly success: boolean;
  readonly code: string;
  readonly errorMessage: string;
  readonly attempts: number;
  /** Of a call on a whole batch: the upstream's operation. Empty for a call by device. */
  readonly operation: string;
  readonly sentTime?: Date;
  readonly durationMs?: number;
}

export interface CancelResponse {
  /** Whether every device ended well. */
  readonly success: boolean;
  /** In the order of the request. */
  readonly results: readonly DeviceResult[];
  readonly calls: readonly UpstreamCall[];
  readonly quotaWaitMs: number;
  /** Set only with `validateOnly`. */
  readonly plan?: CancelPlan;
}

/** The cost of a request if it were sent alone, now. Times are absent while nobody can tell. */
export interface CancelPlan {
  readonly calls: number;
  readonly expectedWaitMs?: number;
  readonly expectedDurationMs?: number;
  /** Set only with `checkDevices`: how many of the devices exist. The results have each. */
  readonly devices?: { readonly existing: number; readonly missing: number; readonly notRead: number };
}

export interface Quota {
  readonly account: string;
  readonly callsPerSecond: number;
  readonly tokensFree: number;
  readonly tokensInFlight: number;
  readonly tokensCooling: number;
  readonly tokensWithheld: number;
  readonly waitingDevices: number;
  readonly waitingCallers: number;
  /**
   * Expected wait until a new request of one device at normal priority would be sent; absent while
   * nobody can tell, see `obstacle`.
   */
  readonly expectedWaitMs?: number;
  /** Why nothing is carried out at the moment; absent while calls are carried out. */
  readonly obstacle?: string;
  readonly pausedUntil?: Date;
  readonly ledger: Exclude<keyof typeof WireLedger, "UNRECOGNIZED">;
  /** When the upstream counts a call, as the operator asserts it. */
  readonly counted: Exclude<keyof typeof WireCounted, "UNRECOGNIZED">;
  /** How much earlier tokens return if it counts them when they arrive. */
  readonly earlyReturn?: { readonly hiddenMs: number; readonly fallbackUntil?: Date };
}

const GOOD: ReadonlySet<Outcome> = new Set(["ACCEPTED", "VERIFIED_CANCELED", "ALREADY_FINISHED", "NO_TASK"]);

/** Whether a device with this outcome ended well. */
export function isGood(outcome: Outcome): boolean {
  return GOOD.has(outcome);
}

export function cancelResponseOf(response: CancelTasksByDeviceResponse): CancelResponse {
  const { success, plan } = response;
  const calls = response.calls.map(callOf);
  return {
    success,
    results: response.results.map((result) => resultOf(result, calls)),
    calls,
    quotaWaitMs: msOf(response.quotaWait),
    ...(plan && { plan: planOf(plan) }),
  };
}

function planOf({ calls, expectedWait, expectedDuration, ...counts }: WirePlan): CancelPlan {
  const { devicesExisting: existing, devicesMissing: missing, devicesNotRead: notRead } = counts;
  return {
    calls,
    ...(expectedWait && { expectedWaitMs: msOf(expectedWait) }),
    ...(expectedDuration && { expectedDurationMs: msOf(expectedDuration) }),
    ...(existing + missing + notRead > 0 && { devices: { existing, missing, notRead } }),
  };
}

export function quotaOf(response: GetQuotaResponse): Quota {
  const { expectedWait, pausedUntil, waitingDevices, ledger, obstacle, counted, earlyReturn, ...counts } = response;
  const { hidden, fallbackUntil } = earlyReturn ?? {};
  return {
    ...counts,
    waitingDevices: Number(waitingDevices),
    ...(expectedWait && { expectedWaitMs: msOf(expectedWait) }),
    ...(obstacle && { obstacle }),
    ...(pausedUntil && { pausedUntil: dateOf(pausedUntil) }),
    ledger: (WireLedger[ledger] ?? "UNSPECIFIED") as Quota["ledger"],
    counted: (WireCounted[counted] ?? "UNSPECIFIED") as Quota["counted"],
    ...(earlyReturn && {
      earlyReturn: { hiddenMs: msOf(hidden), ...(fallbackUntil && { fallbackUntil: dateOf(fallbackUntil) }) },
    }),
  };
}

/** A result of an operation, which reports no calls. */
export function operationResultOf(result: WireResult): DeviceResult {
  return resultOf(result, []);
}

/** The name of an outcome; one that only a newer gateway knows is UNKNOWN. */
export function outcomeNameOf(outcome: WireOutcome): Outcome {
  return ((outcome === WireOutcome.UNSPECIFIED ? undefined : WireOutcome[outcome]) as Outcome | undefined) ?? "UNKNOWN";
}

function resultOf(
  { deviceName, outcome, status, callIndex }: WireResult,
  calls: readonly UpstreamCall[],
): DeviceResult {
  const name = outcomeNameOf(outcome);
  const call = calls[callIndex];
  return {
    deviceName,
    outcome: name,
    ok: isGood(name),
    ...(status && { failure: failureOf(status) }),
    ...(call && { call }),
  };
}

export function callOf({ sentTime, duration, ...call }: WireCall): UpstreamCall {
  return {
    ...call,
    ...(sentTime && { sentTime: dateOf(sentTime) }),
    ...(duration && { durationMs: msOf(duration) }),
  };
}
