// Reads, before the first cancel, whether any call could do harm, even if the upstream interprets
// it in an unexpected way. The packages must have no unfinished tasks except those of the
// sacrificial devices, and the idle device none at all.
import { type Operation, TASKS_OF_JOB, UNFINISHED_TASKS } from "../../upstream/device-operations.js";
import { readTaskList } from "../../upstream/task-list.js";
import { type Asker, type Sighting, Stopped } from "./asker.js";
import { listJobs, PAGE } from "./jobs/calls.js";
import { isOpen, type ListedJobs, readListedJobs } from "./jobs/reading.js";
import { type Given, scopeOf } from "./trials.js";

/** A task that may be canceled. */
export interface GivenUp {
  readonly deviceName: string;
  readonly jobId: string;
}

/** Spelled in two ways by the documentation. */
const HAVE_ENDED: readonly string[] = ["COMPLETED", "COMPLETE"];
/** A dynamic batch that was closed. Its tasks may be unfinished. */
const CANCELED = "CANCELED";
/** Reading the tasks of each batch takes a call of its own. */
export const MOST_READ_JOBS = 5;

const OTHERWISE =
  "Give a package whose batches have all ended, or a new one without any; then no call of the probe can cancel a task.";

/**
 * Returns the tasks of the sacrificial devices, in their order. Throws Stopped if harm cannot be
 * ruled out.
 */
export async function ruleOutHarm(given: Given, asker: Asker): Promise<readonly GivenUp[]> {
  const jobs = await jobsThatMayHaveTasks(given.firmwareId, given, asker);
  if (jobs.some(({ status }) => status !== CANCELED) && given.sacrificialDevices.length === 0) {
    throw new Stopped(`The package has a running batch. ${OTHERWISE}`);
  }
  if (jobs.length > MOST_READ_JOBS)
    throw new Stopped(`The package has more than ${MOST_READ_JOBS} running or canceled batches. ${OTHERWISE}`);
  const unfinished: GivenUp[] = [];
  for (const { jobId } of jobs) unfinished.push(...(await unfinishedOf(jobId, given, asker)));
  const spared = unfinished.filter(({ deviceName }) => !given.sacrificialDevices.includes(deviceName)).length;
  if (spared > 0) {
    throw new Stopped(`The package has unfinished tasks (${spared} of devices that are not sacrificial). ${OTHERWISE}`);
  }
  const { foreignFirmwareId } = given;
  if (foreignFirmwareId !== undefined && (await jobsThatMayHaveTasks(foreignFirmwareId, given, asker)).length > 0) {
    throw new Stopped(`The --foreign-firmware-id has a running or canceled batch. ${OTHERWISE}`);
  }
  if (given.idleDevice !== undefined) await checkIdle(given.idleDevice, given, asker);
  return given.sacrificialDevices.map((name) => {
    const task = unfinished.find(({ deviceName }) => deviceName === name);
    if (!task)
      throw new Stopped(
        "A --sacrificial-device has no unfinished task of the package, so nothing can be learned from it. Give another.",
      );
    return task;
  });
}

/** The state of a device's task in a batch; undefined if the answer does not say. */
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

/**
 * How the upstream refuses to list the tasks of a device that does not exist. Only the status
 * matters.
 */
export async function refusedRead(name: string, given: Given, asker: Asker): Promise<Sighting> {
  return (await asker.ask(UNFINISHED_TASKS.of(scopeOf(given), [name]))).sighting;
}

/** Only the first page is read. */
async function jobsThatMayHaveTasks(firmwareId: string, given: Given, asker: Asker): Promise<ListedJobs["jobs"]> {
  const { jobs, isWhole } = await listed(listJobs(firmwareId, given), readListedJobs, asker);
  if (!isWhole) throw new Stopped(`A package has ${PAGE} batches or more. ${OTHERWISE}`);
  return jobs.filter(({ status }) => !HAVE_ENDED.includes(status));
}

async function unfinishedOf(jobId: string, given: Given, asker: Asker): Promise<GivenUp[]> {
  const operation = TASKS_OF_JOB.of({ ...scopeOf(given), jobId }, []);
  const { tasks, whole } = await listed(operation, readTaskList, asker);
  if (tasks.length >= PAGE || !whole) {
    throw new Stopped(`A running or canceled batch of the package has ${PAGE} tasks or more. ${OTHERWISE}`);
  }
  return tasks.filter(isOpen).map(({ deviceName }) => ({ deviceName, jobId }));
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
    throw new Stopped(`${action} was refused with ${sighting.code}. Check the endpoint, the names and --instance-id.`);
  }
  const list = sighting.kind === "accepted" ? read(body) : undefined;
  if (!list) throw new Stopped(`The answer to ${action} cannot be read, so harm cannot be ruled out.`);
  return list;
}
