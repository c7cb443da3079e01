// Converts the end of a reading call into a report for each device: the device's tasks, or the
// reason why they are unknown.
import type { DeviceOutcome } from "../gateway/device-outcome.js";
import type { Failure } from "../gateway/failures.js";
import type { CallEnd } from "../gateway/upstream.js";
import { notVerified } from "./not-verified.js";
import type { ReadBatch, ReadDevice } from "./read-queue.js";
import type { Told } from "./read-request.js";
import type { ListedTask, TaskList } from "./task-reader.js";

const UNREADABLE = unread("the upstream's list of tasks could not be parsed");
const NOT_WHOLE = unread("the upstream's list of tasks was longer than one page");

/** Tells each device its tasks for the firmware, and for the batch if the request named one. */
export function tellTasks({ scope, devices }: ReadBatch, list: TaskList | undefined): void {
  if (!list?.whole) {
    tellAll(devices, list ? NOT_WHOLE : UNREADABLE);
    return;
  }
  const tasks = new Map(devices.map(({ name }): [string, ListedTask[]] => [name, []]));
  for (const task of list.tasks) {
    if (isOr(task.productKey, scope.productKey) && isOr(task.firmwareId, scope.firmwareId)) {
      tasks.get(task.deviceName)?.push(task);
    }
  }
  for (const device of devices) tellAll([device], { kind: "read", tasks: tasks.get(device.name) ?? [] });
}

export function tellAll(devices: readonly ReadDevice[], told: Told): void {
  for (const { name, readRequests } of devices) for (const readRequest of readRequests) readRequest.tell(name, told);
}

/**
 * Converts the outcome that a cancel would have had for such an end into the reason for not
 * reading.
 */
export function unreadBy(outcome: DeviceOutcome): Told {
  if (!("failure" in outcome)) throw new Error("a call that told nothing has no failure");
  return unread(`its task could not be read: ${outcome.failure.message}`, outcome.failure.upstream);
}

/**
 * Whether the call was refused because of one device, not because of what all calls of the scope
 * share.
 */
export function isDeviceFault(end: CallEnd): boolean {
  return end.kind === "refused" && end.refusal.reaction.kind === "rejected" && end.refusal.reaction.deviceFault;
}

function unread(message: string, upstream?: Failure["upstream"]): Told {
  return { kind: "unread", failure: notVerified(message, upstream) };
}

/** Compares a field of the list. A missing field contradicts nothing. */
function isOr(said: string, wanted: string): boolean {
  return said === "" || said === wanted;
}
