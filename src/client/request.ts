// What is asked for, in the words of a Node service, and as it goes onto the wire.
import { CancelTasksByDeviceRequest, Priority as WirePriority } from "../gen/ota/v1/ota_service.js";
import { invalidError } from "./ota-error.js";

/** Which tasks are meant, and how; see CancelTasksByDeviceRequest in ota_service.proto. */
export interface CancelScope {
  readonly productKey: string;
  readonly firmwareId: string;
  /** Only tasks of this update batch. */
  readonly jobId?: string;
  readonly iotInstanceId?: string;
  /** The name of a configured account. */
  readonly account?: string;
  readonly priority?: Priority;
  /** For the audit log. */
  readonly reason?: string;
  /** Read the tasks back after the cancel. */
  readonly verify?: boolean;
}

export type Priority = "bulk" | "normal" | "urgent";

export interface CancelRequest extends CancelScope {
  /** Each once; 10,000 at the most, unless the gateway is configured otherwise. */
  readonly deviceNames: readonly string[];
  /** Do everything but sending. */
  readonly validateOnly?: boolean;
  /** Reject unless every device ended well. */
  readonly requireAll?: boolean;
}

const PRIORITIES: Record<Priority, WirePriority> = {
  bulk: WirePriority.BULK,
  normal: WirePriority.NORMAL,
  urgent: WirePriority.URGENT,
};

/** Throws OtaError for a priority that there is not: the default would be another than was meant. */
export function wireRequestOf({ priority, deviceNames, ...rest }: CancelRequest): CancelTasksByDeviceRequest {
  if (priority !== undefined && !Object.hasOwn(PRIORITIES, priority)) {
    throw invalidError("priority", `must be one of ${Object.keys(PRIORITIES).join(", ")}`);
  }
  return CancelTasksByDeviceRequest.fromPartial({
    ...rest,
    deviceNames: deviceNames as string[],
    ...(priority && { priority: PRIORITIES[priority] }),
  });
}
