// The upstream's operations on the devices of a list, with their parameters; job-operations.ts has
// those on whole batches. Optional parameters are left out when they are empty.
import type { Scope } from "../gateway/command.js";

/** One operation with its parameters. */
export interface Operation {
  readonly action: string;
  readonly parameters: readonly Parameter[];
}

type Parameter = readonly [name: string, value: string];

/** How to make the calls of one operation. */
export interface OperationShape {
  /** The upstream's own limit. */
  readonly devicesPerCall: number;
  of(scope: Scope, deviceNames: readonly string[]): Operation;
}

export const CANCEL_BY_DEVICE: OperationShape = {
  devicesPerCall: 200,
  of: ({ productKey, firmwareId, jobId, iotInstanceId }, deviceNames) => ({
    action: "CancelOTATaskByDevice",
    parameters: [
      ...list("DeviceName", deviceNames),
      ...said(["ProductKey", productKey], ["FirmwareId", firmwareId]),
      ...said(["JobId", jobId], ["IotInstanceId", iotInstanceId]),
    ],
  }),
};

/** Lists the tasks of some devices in one batch of the scope, whatever their state. */
export const TASKS_OF_JOB: OperationShape = {
  devicesPerCall: 50,
  of: ({ jobId, iotInstanceId }, deviceNames) => ({
    action: "ListOTATaskByJob",
    parameters: [
      ...list("DeviceNames", deviceNames),
      // The largest page, in case paging applies after all: it is documented not to apply to names.
      ...said(["JobId", jobId], ["CurrentPage", "1"], ["PageSize", "100"], ["IotInstanceId", iotInstanceId]),
    ],
  }),
};

/** Lists the unfinished tasks of one device, over all packages and batches. */
export const UNFINISHED_TASKS: OperationShape = {
  devicesPerCall: 1,
  of: ({ productKey, iotInstanceId }, [deviceName = ""]) => ({
    action: "ListOTAUnfinishedTaskByDevice",
    parameters: said(["ProductKey", productKey], ["DeviceName", deviceName], ["IotInstanceId", iotInstanceId]),
  }),
};

/** The devices of a list that exist, with all that is known of them. */
export const DEVICE_DETAILS: OperationShape = devicesShape("BatchQueryDeviceDetail", 100);

/** Whether the devices of a list are online. */
export const DEVICE_STATES: OperationShape = devicesShape("BatchGetDeviceState", 50);

function devicesShape(action: string, devicesPerCall: number): OperationShape {
  return {
    devicesPerCall,
    of: ({ productKey, iotInstanceId }, deviceNames) => ({
      action,
      parameters: [
        ...list("DeviceName", deviceNames),
        ...said(["ProductKey", productKey], ["IotInstanceId", iotInstanceId]),
      ],
    }),
  };
}

function list(name: string, values: readonly string[]): Parameter[] {
  return values.map((value, index) => [`${name}.${index + 1}`, value]);
}

/** The parameters that are not empty. */
export function said(...parameters: readonly Parameter[]): Parameter[] {
  return parameters.filter(([, value]) => value !== "");
}
