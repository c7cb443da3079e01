// The seven states of an OTA task, and which of them are unfinished. The order is the one in which
// a task passes through them; a state's position is its code in compact storage.

export const TASK_STATES = ["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "CANCELED"] as const;

export type TaskState = (typeof TASK_STATES)[number];

/** The states that `CancelOTATaskByDevice` cancels; a device may have one such task at a time. */
export const UNFINISHED: Readonly<Record<TaskState, boolean>> = {
  CONFIRM: true,
  QUEUED: true,
  NOTIFIED: true,
  IN_PROGRESS: true,
  SUCCEEDED: false,
  FAILED: false,
  CANCELED: false,
};
