// The seven states of an OTA task, and which of them a cancel moves. The order is the one in which a
// task passes through them, and a state's place in it is its code in compact storage.

export const TASK_STATES = ["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "CANCELED"] as const;

export type TaskState = (typeof TASK_STATES)[number];

/** Whether `CancelOTATaskByDevice` moves a task in this state to CANCELED. */
export const CANCELABLE: Readonly<Record<TaskState, boolean>> = {
  CONFIRM: true,
  QUEUED: true,
  NOTIFIED: true,
  IN_PROGRESS: true,
  SUCCEEDED: false,
  FAILED: false,
  CANCELED: false,
};
