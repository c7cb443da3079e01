// The seven states of an OTA task, and which of them are not its end. The order is the one in which a
// task passes through them, and a state's place in it is its code in compact storage.

export const TASK_STATES = ["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "CANCELED"] as const;

export type TaskState = (typeof TASK_STATES)[number];

/** What `CancelOTATaskByDevice` cancels, and what a device may have one of at a time. */
export const UNFINISHED: Readonly<Record<TaskState, boolean>> = {
  CONFIRM: true,
  QUEUED: true,
  NOTIFIED: true,
  IN_PROGRESS: true,
  SUCCEEDED: false,
  FAILED: false,
  CANCELED: false,
};
