// The requests of the client, in terms that suit a Node service, and their translation to the wire.
import { CancelSpec, CancelTasksByDeviceRequest, Priority as WirePriority } from "../gen/ota/v1/ota_service.js";
import { checkRequestTypes } from "./argument-types.js";
import { invalidError } from "./ota-error.js";
import { wireDuration } from "./wire-time.js";

/** The tasks to cancel, and how; see CancelTasksByDeviceRequest in ota_service.proto. */
export interface CancelScope {
  readonly productKey: string;
  readonly firmwareId: string;
  /** Limits the cancel to the tasks of this update batch. */
  readonly jobId?: string;
  readonly iotInstanceId?: string;
  /** Name of a configured account. */
  readonly account?: string;
  readonly priority?: Priority;
  /** Why the cancel is requested, for the audit log. */
  readonly reason?: string;
  /** Read the tasks back after the cancel. */
  readonly verify?: boolean;
}

export type Priority = "bulk" | "normal" | "urgent";

export interface CancelRequest extends CancelScope {
  /** Each name once; at most 10,000, unless the gateway is configured otherwise. */
  readonly deviceNames: readonly string[];
  /** Do everything except sending. */
  readonly validateOnly?: boolean;
  /** With `validateOnly`: ask the upstream which of the devices exist. */
  readonly checkDevices?: boolean;
  /** Reject unless every device ended well. */
  readonly requireAll?: boolean;
}

/** The tasks that a submission cancels, and how; see CancelSpec in ota_service.proto. */
export interface SubmitSpec extends CancelScope {
  /** Your key for this submission: with it, `submit` can be repeated after any error. */
  readonly requestId?: string;
  /** How long devices may be sent for; an hour if absent. */
  readonly timeToLiveMs?: number;
}

const PRIORITIES: Record<Priority, WirePriority> = {
  bulk: WirePriority.BULK,
  normal: WirePriority.NORMAL,
  urgent: WirePriority.URGENT,
};

/** The most that a gateway can be configured to accept in one request, */
const MOST_DEVICES = 100_000;
/** and a size that no such request has. */
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
