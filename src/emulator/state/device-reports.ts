// The devices' side of an update: their reports, and what a report does to a task. A report that no
// task waits for changes only the version.
import { DEFAULT_MODULE } from "./firmware.js";
import type { Platform } from "./platform.js";
import { joinDynamicBatches } from "./rollout.js";
import { UNFINISHED } from "./task-state.js";

/** Notes that the notification went out, or that the device fetched it. */
export function reportFetched(platform: Platform, task: number): void {
  if (platform.tasks.stateOf(task) === "QUEUED") platform.tasks.move(task, "NOTIFIED", platform.now());
}

/**
 * Notes progress in percent; a task's first report starts its timeout. Values below 0 are the
 * documented kinds of failure, -1 to -4.
 */
export function reportProgress(platform: Platform, task: number, percent: number): void {
  const { tasks } = platform;
  const nowMs = platform.now();
  const state = tasks.stateOf(task);
  if (!UNFINISHED[state] || state === "CONFIRM" || tasks.jobOf(task).status === "PLANNED") return;
  if (percent < 0) {
    // Documented: a task that is retried automatically keeps showing its state.
    if (!tasks.retry(task)) tasks.move(task, "FAILED", nowMs, "the device reported that the update failed");
    return;
  }
  if (state !== "IN_PROGRESS") {
    tasks.move(task, "IN_PROGRESS", nowMs);
    armTimeout(platform, task);
  }
  tasks.setProgress(task, percent, nowMs);
}

/**
 * Notes the version that the device runs now. It ends the device's update, well or not, and may
 * start another.
 */
export function reportVersion(platform: Platform, device: number, version: string, module = DEFAULT_MODULE): void {
  const { tasks } = platform;
  platform.devices.setVersion(device, module, version);
  const task = taskUnderWay(platform, device, module);
  if (task !== undefined) {
    if (version === tasks.jobOf(task).firmware.destVersion) tasks.move(task, "SUCCEEDED", platform.now());
    else if (tasks.stateOf(task) === "IN_PROGRESS" && version !== tasks.srcVersionOf(task) && !tasks.retry(task)) {
      tasks.move(task, "FAILED", platform.now(), "report version is not conform");
    }
  } else if (platform.traits.lateSuccess) {
    const canceled = newestTask(platform, device, module);
    const isDone = canceled !== undefined && version === tasks.jobOf(canceled).firmware.destVersion;
    if (isDone && tasks.stateOf(canceled) === "CANCELED") tasks.move(canceled, "SUCCEEDED", platform.now());
  }
  joinDynamicBatches(platform, device, "reported");
}

/** The task that a report of the device concerns: its newest unfinished one for the module. */
export function taskUnderWay(platform: Platform, device: number, module = DEFAULT_MODULE): number | undefined {
  const { tasks } = platform;
  for (const task of tasks.ofDevice(device)) {
    if (UNFINISHED[tasks.stateOf(task)] && tasks.jobOf(task).firmware.moduleName === module) return task;
  }
  return undefined;
}

function newestTask({ tasks }: Platform, device: number, module: string): number | undefined {
  for (const task of tasks.ofDevice(device)) if (tasks.jobOf(task).firmware.moduleName === module) return task;
  return undefined;
}

/** Removes a device. Its tasks are canceled, which is a guess. */
export function removeDevice(platform: Platform, device: number): void {
  const { tasks } = platform;
  for (const task of tasks.ofDevice(device)) {
    if (UNFINISHED[tasks.stateOf(task)]) tasks.move(task, "CANCELED", platform.now(), "the device was deleted");
  }
  platform.devices.remove(device);
}

function armTimeout(platform: Platform, task: number): void {
  const { tasks } = platform;
  const { timeoutInMinutes } = tasks.jobOf(task).traits;
  if (timeoutInMinutes === undefined) return;
  const round = tasks.roundOf(task);
  platform.timeline.at(platform.now() + timeoutInMinutes * 60_000, () => {
    // A task that has been run again since then has a timeout of its own.
    if (tasks.roundOf(task) !== round || tasks.stateOf(task) !== "IN_PROGRESS") return;
    tasks.move(task, "FAILED", platform.now(), "the update timed out");
  });
}
