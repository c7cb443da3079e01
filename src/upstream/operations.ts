// The operations that are called, each with its parameters; the optional ones only if they say something.
import type { Scope } from "../gateway/command.js";

/** One operation with what it is asked. */
export interface Operation {
  readonly action: string;
  readonly parameters: readonly Parameter[];
}

type Parameter = readonly [name: string, value: string];

/** How the calls of one operation are made. */
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

/** The tasks that some devices have in the batch of the scope, whatever their state. */
export const TASKS_OF_JOB: OperationShape = {
  devicesPerCall: 50,
  of: ({ jobId, iotInstanceId }, deviceNames) => ({
    action: "ListOTATaskByJob",
    parameters: [
      ...list("DeviceNames", deviceNames),
      // The largest page: a device of the batch has one task in it, as far as is documented.
      ...said(["JobId", jobId], ["CurrentPage", "1"], ["PageSize", "100"], ["IotInstanceId", iotInstanceId]),
    ],
  }),
};

/** The tasks of one device that are not over, of every package and batch. */
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

function said(...parameters: readonly Parameter[]): Parameter[] {
  return parameters.filter(([, value]) => value !== "");
}
