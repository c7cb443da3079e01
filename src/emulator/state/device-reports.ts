// The devices' side of an update: what they report, and what that makes of their task. Reports that no
// task waits for change nothing but the version.
import { DEFAULT_MODULE } from "./firmware.js";
import type { Platform } from "./platform.js";
import { joinDynamicBatches } from "./rollout.js";
import { UNFINISHED } from "./task-state.js";

/** The notification went out, or the device fetched it. */
export function reportFetched(platform: Platform, task: number): void {
  if (platform.tasks.stateOf(task) === "QUEUED") platform.tasks.move(task, "NOTIFIED", platform.now());
}

/** Percent; the first report of a task starts its timeout. Below 0: the documented ways to fail, -1 to -4. */
export function reportProgress(platform: Platform, task: number, percent: number): void {
  const { tasks } = platform;
  const nowMs = platform.now();
  const state = tasks.stateOf(task);
  if (!UNFINISHED[state] || state === "CONFIRM" || tasks.jobOf(task).status === "PLANNED") return;
  if (percent < 0) {
    // Documented: what is retried by itself keeps showing the state that it had.
    if (!tasks.retry(task)) tasks.move(task, "FAILED", nowMs, "the device reported that the update failed");
    return;
  }
  if (state !== "IN_PROGRESS") {
    tasks.move(task, "IN_PROGRESS", nowMs);
    armTimeout(platform, task);
  }
  tasks.setProgress(task, percent, nowMs);
}

/** The version that the device runs now: ends its update, well or not, and may begin another. */
export function reportVersion(platform: Platform, device: number, version: string, module = DEFAULT_MODULE): void {
  const { tasks } = platform;
  platform.devices.setVersion(device, module, version);
  const task = taskUnderWay(platform, device, module);
  if (task !== undefined) {
    if (version === tasks.jobOf(task).firmware.destVersion) tasks.move(task, "SUCCEEDED", platform.now());
    else if (tasks.stateOf(task) === "IN_PROGRESS") {
      tasks.move(task, "FAILED", platform.now(), "report version is not conform");
    }
  }
  joinDynamicBatches(platform, device, "reported");
}

/** The task that a report of the device is about: its newest for the module that is not finished. */
export function taskUnderWay(platform: Platform, device: number, module = DEFAULT_MODULE): number | undefined {
  const { tasks } = platform;
  for (const task of tasks.ofDevice(device)) {
    if (UNFINISHED[tasks.stateOf(task)] && tasks.jobOf(task).firmware.moduleName === module) return task;
  }
  return undefined;
}

/** The device leaves, and its tasks with it. That they are canceled is a guess. */
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
    // A task that was run again since has a timeout of its own.
    if (tasks.roundOf(task) !== round || tasks.stateOf(task) !== "IN_PROGRESS") return;
    tasks.move(task, "FAILED", platform.now(), "the update timed out");
  });
}
