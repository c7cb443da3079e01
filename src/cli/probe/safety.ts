// What is read before the first cancel, so that no call can do harm even if the upstream takes it in a way that nobody
// expects: the packages have no unfinished task but those that were given up, and the idle device has none at all.
import { type Operation, TASKS_OF_JOB, UNFINISHED_TASKS } from "../../upstream/operations.js";
import { readTaskList } from "../../upstream/task-list.js";
import { type Asker, type Sighting, Stopped } from "./asker.js";
import { type ListedJob, readJobList } from "./job-list.js";
import { type Given, scopeOf } from "./trials.js";

/** A task that may be cancelled. */
export interface GivenUp {
  readonly deviceName: string;
  readonly jobId: string;
}

const UNFINISHED: readonly string[] = ["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"];
const TASK_IS_OVER: readonly string[] = ["SUCCEEDED", "FAILED", "CANCELED"];
/** The documentation spells the first in two ways. */
const JOB_IS_OVER: readonly string[] = ["COMPLETED", "COMPLETE", "CANCELED"];
/** Each running batch is read with a call of its own. */
export const MOST_RUNNING_JOBS = 5;
/** What is longer than a page is not read further. */
const PAGE = 100;

const OTHERWISE =
  "Give a package whose batches are all over, or a new one that has none: then no call of the probe can cancel a task.";

/** Throws Stopped if harm cannot be ruled out. The tasks of the sacrificial devices, in the order of these. */
export async function ruleOutHarm(given: Given, asker: Asker): Promise<readonly GivenUp[]> {
  const running = await runningJobs(given.firmwareId, given, asker);
  if (running.length > 0 && given.sacrificialDevices.length === 0) {
    throw new Stopped(`The package has a running batch. ${OTHERWISE}`);
  }
  if (running.length > MOST_RUNNING_JOBS) throw new Stopped(`The package has many running batches. ${OTHERWISE}`);
  const unfinished: GivenUp[] = [];
  for (const { jobId } of running) unfinished.push(...(await unfinishedOf(jobId, given, asker)));
  const spared = unfinished.filter(({ deviceName }) => !given.sacrificialDevices.includes(deviceName)).length;
  if (spared > 0) {
    throw new Stopped(`The package has unfinished tasks (${spared} of devices that were not given up). ${OTHERWISE}`);
  }
  if (given.foreignFirmwareId !== undefined && (await runningJobs(given.foreignFirmwareId, given, asker)).length > 0) {
    throw new Stopped(`The --foreign-firmware-id has a running batch. ${OTHERWISE}`);
  }
  if (given.idleDevice !== undefined) await checkIdle(given.idleDevice, given, asker);
  return given.sacrificialDevices.map((name) => {
    const task = unfinished.find(({ deviceName }) => deviceName === name);
    if (!task)
      throw new Stopped("A --sacrificial-device has no unfinished task of the package: nothing can be learnt.");
    return task;
  });
}

/** The state of a device's task in a batch; undefined if the answer does not tell. */
export async function taskStateOf(
  { deviceName, jobId }: GivenUp,
  given: Given,
  asker: Asker,
): Promise<string | undefined> {
  const operation = TASKS_OF_JOB.of({ ...scopeOf(given), jobId }, [deviceName]);
  const { tasks } = await listed(operation, readTaskList, asker);
  const [task, ...more] = tasks.filter((each) => each.deviceName === deviceName);
  return more.length === 0 ? task?.state : undefined;
}

/** Whether a task in this state may still be cancelled. */
export function isUnfinished(state: string | undefined): boolean {
  return state !== undefined && UNFINISHED.includes(state);
}

/** How the upstream refuses to list the tasks of a device that does not exist: only the status is of interest. */
export async function refusedRead(name: string, given: Given, asker: Asker): Promise<Sighting> {
  return (await asker.ask(UNFINISHED_TASKS.of(scopeOf(given), [name]))).sighting;
}

async function runningJobs(firmwareId: string, { instanceId }: Given, asker: Asker): Promise<readonly ListedJob[]> {
  const page = [["CurrentPage", "1"] as const, ["PageSize", String(PAGE)] as const];
  const instance = instanceId === "" ? [] : [["IotInstanceId", instanceId] as const];
  const parameters = [["FirmwareId", firmwareId] as const, ...page, ...instance];
  const { jobs, total = 0 } = await listed({ action: "ListOTAJobByFirmware", parameters }, readJobList, asker);
  if (jobs.length >= PAGE || total > jobs.length) {
    throw new Stopped(`A package has ${PAGE} batches or more. ${OTHERWISE}`);
  }
  return jobs.filter(({ status }) => !JOB_IS_OVER.includes(status));
}

/** A state that is not known may be one that can be cancelled. */
async function unfinishedOf(jobId: string, given: Given, asker: Asker): Promise<GivenUp[]> {
  const operation = TASKS_OF_JOB.of({ ...scopeOf(given), jobId }, []);
  const { tasks, whole } = await listed(operation, readTaskList, asker);
  if (tasks.length >= PAGE || !whole) {
    throw new Stopped(`A running batch of the package has ${PAGE} tasks or more. ${OTHERWISE}`);
  }
  return tasks.filter(({ state }) => !TASK_IS_OVER.includes(state)).map(({ deviceName }) => ({ deviceName, jobId }));
}

async function checkIdle(name: string, given: Given, asker: Asker): Promise<void> {
  const { tasks, whole } = await listed(UNFINISHED_TASKS.of(scopeOf(given), [name]), readTaskList, asker);
  if (tasks.length > 0 || !whole)
    throw new Stopped("The --idle-device has an unfinished task. Give one that has none.");
}

async function listed<T>(operation: Operation, read: (body: string) => T | undefined, asker: Asker): Promise<T> {
  const { action } = operation;
  const { sighting, body } = await asker.ask(operation, { needed: true });
  if (sighting.kind === "refused") {
    throw new Stopped(`${action} was refused with ${sighting.code}. Are endpoint, names and --instance-id right?`);
  }
  const list = sighting.kind === "accepted" ? read(body) : undefined;
  if (!list) throw new Stopped(`${action} gave no answer that can be read, so harm cannot be ruled out.`);
  return list;
}
