// What the end of a reading call means for the devices in the call: their tasks, or the reason why those are not known,
// in the words of the caller's answer.
import type { Failure } from "../gateway/errors.js";
import type { ListedTask, TaskList } from "../gateway/task-reader.js";
import type { CallEnd } from "../gateway/upstream.js";
import type { DeviceOutcome } from "../gateway/waiter.js";
import { notVerified } from "./not-verified.js";
import type { ReadBatch, ReadDevice } from "./read-queue.js";
import type { Told } from "./read-request.js";

const UNREADABLE = unread("the upstream's list of tasks could not be understood");
const NOT_WHOLE = unread("the upstream's list of tasks was longer than one page");

/** Tells each device its tasks of the package, and of the batch if it was asked for one. */
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

/** The outcome that devices of a cancel would have had by such an end, as the reason why they could not be read. */
export function unreadBy(outcome: DeviceOutcome): Told {
  if (!("failure" in outcome)) throw new Error("a call that told nothing has no failure");
  return unread(`its task could not be read: ${outcome.failure.message}`, outcome.failure.upstream);
}

/** Refused for a device in the call, and not for what all of its calls have in common. */
export function isDeviceFault(end: CallEnd): boolean {
  return end.kind === "refused" && end.refusal.reaction.kind === "rejected" && end.refusal.reaction.deviceFault;
}

function unread(message: string, upstream?: Failure["upstream"]): Told {
  return { kind: "unread", failure: notVerified(message, upstream) };
}

/** What a list does not say contradicts nothing. */
function isOr(said: string, wanted: string): boolean {
  return said === "" || said === wanted;
}
