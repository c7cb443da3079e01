// The requests of the client, in terms that suit a Node service.

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

/** The batches that a stop reaches, and how; see StopRolloutRequest in ota_service.proto. */
export interface StopRequest {
  readonly productKey: string;
  readonly firmwareId: string;
  /** Only this batch; every open batch of the package if absent. */
  readonly jobId?: string;
  readonly iotInstanceId?: string;
  /** Name of a configured account. */
  readonly account?: string;
  /** Why the rollout is stopped, for the audit log. */
  readonly reason?: string;
  /** Your key for this stop: with it, `stopRollout` can be repeated after any error. */
  readonly requestId?: string;
  /** The states of the tasks to cancel; all four if absent. */
  readonly states?: readonly ("CONFIRM" | "QUEUED" | "NOTIFIED" | "IN_PROGRESS")[];
  /** Leave dynamic batches open: devices go on joining them. */
  readonly keepStrategies?: boolean;
  /** Of the reading that was decided on. If more batches are open by then, nothing is sent. */
  readonly etag?: string;
  /** How long to look for tasks that are left or appear later; two minutes if absent. */
  readonly settleMs?: number;
  /** How long the stop may last; `settleMs` and an hour if absent. */
  readonly timeToLiveMs?: number;
  /** Also stop batches of this package that are created meanwhile; else they are only reported. */
  readonly includeNewJobs?: boolean;
  /** Also store the names of devices that have the package already. */
  readonly listInstalled?: boolean;
  /** Of the calls by device. Urgent if absent, or the highest that the caller may use. */
  readonly priority?: Priority;
}
