// What is read before the first cancel, so that no call can do harm even if the upstream takes it in a way that
// nobody expects: the package has no unfinished task but those that were given up, and the idle device has none at all.
import { type Asker, type Sighting, Stopped } from "./asker.js";
import { type Row, type Rows, readRows, textOf } from "./lists.js";
import type { Given } from "./trials.js";

/** A task that may be cancelled. */
export interface GivenUp {
  readonly deviceName: string;
  readonly jobId: string;
}

const UNFINISHED: readonly string[] = ["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"];
const JOB_IS_OVER: readonly string[] = ["COMPLETED", "COMPLETE", "CANCELED"];
/** Each running batch is read with a call of its own. */
export const MOST_RUNNING_JOBS = 5;
const PAGE = 100;

const OTHERWISE =
  "Give a package whose batches are all over, or a new one that has none: then no call of the probe can cancel a task.";

/** Throws Stopped if harm cannot be ruled out. The tasks of the sacrificial devices, in the order of these. */
export async function ruleOutHarm(given: Given, asker: Asker): Promise<readonly GivenUp[]> {
  const jobs = await listed(asker, given, "ListOTAJobByFirmware", "SimpleOTAJobInfo", [
    ["FirmwareId", given.firmwareId],
    ["CurrentPage", "1"],
    ["PageSize", String(PAGE)],
  ]);
  checkWhole(jobs, `The package has more than ${PAGE} batches. ${OTHERWISE}`);
  const running = jobs.rows.filter((job) => !JOB_IS_OVER.includes(textOf(job, "JobStatus")));
  if (running.length > 0 && given.sacrificialDevices.length === 0) {
    throw new Stopped(`The package has a running batch. ${OTHERWISE}`);
  }
  if (running.length > MOST_RUNNING_JOBS) throw new Stopped(`The package has many running batches. ${OTHERWISE}`);
  const unfinished: GivenUp[] = [];
  for (const job of running) unfinished.push(...(await unfinishedOf(textOf(job, "JobId"), given, asker)));
  const spared = unfinished.filter(({ deviceName }) => !given.sacrificialDevices.includes(deviceName));
  if (spared.length > 0) {
    throw new Stopped(
      `The package has unfinished tasks (${spared.length} of devices that were not given up). ${OTHERWISE}`,
    );
  }
  if (given.idleDevice !== undefined) await checkIdle(given.idleDevice, given, asker);
  return given.sacrificialDevices.map((name) => {
    const task = unfinished.find(({ deviceName }) => deviceName === name);
    if (!task)
      throw new Stopped("A --sacrificial-device has no unfinished task of the package, so nothing can be learnt.");
    return task;
  });
}

/** The state of a device's task in a batch; undefined if the answer does not tell. */
export async function stateOf({ deviceName, jobId }: GivenUp, given: Given, asker: Asker): Promise<string | undefined> {
  const { rows } = await listed(asker, given, "ListOTATaskByJob", "SimpleOTATaskInfo", [
    ["JobId", jobId],
    ["DeviceNames.1", deviceName],
    ["CurrentPage", "1"],
    ["PageSize", String(PAGE)],
  ]);
  const states = rows.filter((row) => textOf(row, "DeviceName") === deviceName).map((row) => textOf(row, "TaskStatus"));
  return states.length === 1 ? states[0] : undefined;
}

/** Whether a task in this state may still be cancelled. */
export function isUnfinished(state: string | undefined): boolean {
  return state !== undefined && UNFINISHED.includes(state);
}

/** How the upstream refuses to list the tasks of a device that does not exist: only the status is of interest. */
export async function refusedRead(name: string, given: Given, asker: Asker): Promise<Sighting> {
  const parameters = [["ProductKey", given.productKey] as const, ["DeviceName", name] as const];
  return (await asker.ask(reading(given, "ListOTAUnfinishedTaskByDevice", parameters))).sighting;
}

async function unfinishedOf(jobId: string, given: Given, asker: Asker): Promise<GivenUp[]> {
  const tasks = await listed(asker, given, "ListOTATaskByJob", "SimpleOTATaskInfo", [
    ["JobId", jobId],
    ["CurrentPage", "1"],
    ["PageSize", String(PAGE)],
  ]);
  checkWhole(tasks, `A running batch of the package has more than ${PAGE} tasks. ${OTHERWISE}`);
  // A state that is not known may be one that can be cancelled.
  const over = (task: Row) => ["SUCCEEDED", "FAILED", "CANCELED"].includes(textOf(task, "TaskStatus"));
  return tasks.rows.filter((task) => !over(task)).map((task) => ({ deviceName: textOf(task, "DeviceName"), jobId }));
}

async function checkIdle(name: string, given: Given, asker: Asker): Promise<void> {
  const { rows } = await listed(asker, given, "ListOTAUnfinishedTaskByDevice", "SimpleOTATaskInfo", [
    ["ProductKey", given.productKey],
    ["DeviceName", name],
  ]);
  if (rows.length > 0) throw new Stopped("The --idle-device has an unfinished task. Give one that has none.");
}

type Parameters = readonly (readonly [name: string, value: string])[];

async function listed(asker: Asker, given: Given, action: string, list: string, parameters: Parameters): Promise<Rows> {
  const { sighting, body } = await asker.ask(reading(given, action, parameters), { needed: true });
  if (sighting.kind === "refused") {
    throw new Stopped(`${action} was refused with ${sighting.code}. Are endpoint, names and --instance-id right?`);
  }
  const rows = sighting.kind === "accepted" ? readRows(body, list) : undefined;
  if (!rows) throw new Stopped(`${action} gave no answer that can be read, so harm cannot be ruled out.`);
  return rows;
}

function checkWhole({ rows, total }: Rows, message: string): void {
  if (rows.length >= PAGE || (total !== undefined && total > rows.length)) throw new Stopped(message);
}

function reading({ instanceId }: Given, action: string, parameters: Parameters) {
  const instance = instanceId === "" ? [] : [["IotInstanceId", instanceId] as const];
  return { action, parameters: [...parameters, ...instance] };
}
