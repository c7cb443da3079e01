// Defines the calls that the questions about jobs send, and what the user named for them. Only the
// three calls at the end change anything; each takes the id of one batch.
import {
  CANCEL_BY_DEVICE,
  DEVICE_DETAILS,
  type Operation,
  said,
  UNFINISHED_TASKS,
} from "../../../upstream/device-operations.js";

/** The user's input. */
export interface JobsGiven {
  readonly productKey: string;
  /** The packages that the batches may belong to. */
  readonly firmwareIds: readonly string[];
  /** Empty for none. */
  readonly instanceId: string;
  /** Batches whose tasks may be canceled and which may be closed. */
  readonly jobs: readonly string[];
  /** The only devices that may have unfinished tasks in these batches. */
  readonly devices: readonly string[];
  /** One of these, which will report the new version while the probe waits. */
  readonly reportingDevice: string | undefined;
}

/** One page shows all tasks of a batch that the probe accepts. */
export const PAGE = 100;

const FLAGS = {
  scheduled: "CancelScheduledTask",
  queued: "CancelQueuedTask",
  inProgress: "CancelInProgressTask",
  notified: "CancelNotifiedTask",
  unconfirmed: "CancelUnconfirmedTask",
} as const;

export type Flag = keyof typeof FLAGS;

export function listJobs(firmwareId: string, { instanceId }: Pick<JobsGiven, "instanceId">): Operation {
  const page = [["CurrentPage", "1"] as const, ["PageSize", String(PAGE)] as const];
  return {
    action: "ListOTAJobByFirmware",
    parameters: said(["FirmwareId", firmwareId], ...page, ["IotInstanceId", instanceId]),
  };
}

export function queryJob(jobId: string, { instanceId }: JobsGiven): Operation {
  return { action: "QueryOTAJob", parameters: said(["JobId", jobId], ["IotInstanceId", instanceId]) };
}

export interface TasksAsked {
  /** Absent: the parameter is not sent. */
  readonly pageSize?: number;
  readonly state?: string;
  readonly deviceName?: string;
}

export function listTasks(jobId: string, { instanceId }: JobsGiven, asked: TasksAsked = { pageSize: PAGE }): Operation {
  const { pageSize, state = "", deviceName = "" } = asked;
  const page = pageSize === undefined ? [] : [["CurrentPage", "1"] as const, ["PageSize", String(pageSize)] as const];
  const filters = [["TaskStatus", state] as const, ["DeviceNames.1", deviceName] as const];
  return {
    action: "ListOTATaskByJob",
    parameters: said(["JobId", jobId], ...page, ...filters, ["IotInstanceId", instanceId]),
  };
}

export function listUnfinished(deviceName: string, given: JobsGiven): Operation {
  return UNFINISHED_TASKS.of(scopeOf(given), [deviceName]);
}

export function deviceDetail(deviceName: string, given: JobsGiven): Operation {
  return DEVICE_DETAILS.of(scopeOf(given), [deviceName]);
}

/** Sends all five flags, or none if `flags` is undefined. */
export function cancelByJob(jobId: string, flags: readonly Flag[] | undefined, { instanceId }: JobsGiven): Operation {
  const names = flags === undefined ? [] : (Object.keys(FLAGS) as Flag[]);
  const set = names.map((flag) => [FLAGS[flag], String(flags?.includes(flag))] as const);
  return {
    action: "CancelOTATaskByJob",
    parameters: said(["JobId", jobId], ...set, ["IotInstanceId", instanceId]),
  };
}

export function closeStrategy(jobId: string, { instanceId }: JobsGiven): Operation {
  return { action: "CancelOTAStrategyByJob", parameters: said(["JobId", jobId], ["IotInstanceId", instanceId]) };
}

/** With the id of the batch, so that it reaches no other batch of the devices. */
export function cancelByDevice(
  jobId: string,
  firmwareId: string,
  deviceNames: readonly string[],
  given: JobsGiven,
): Operation {
  return CANCEL_BY_DEVICE.of({ ...scopeOf(given), firmwareId, jobId }, deviceNames);
}

function scopeOf({ productKey, instanceId: iotInstanceId }: JobsGiven) {
  return { productKey, firmwareId: "", iotInstanceId, jobId: "" };
}
