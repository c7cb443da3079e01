// Reads, before the first change, that the batches match what the user gave up: each of the named
// product and package, with unfinished tasks of named devices only, and no other batch of the
// packages running. Anything else ends the probe.
import type { Operation } from "../../../upstream/device-operations.js";
import { type Asker, Stopped } from "../asker.js";
import { type JobsGiven, listJobs, listTasks, PAGE, queryJob } from "./calls.js";
import {
  isOpen,
  type JobKind,
  type ListedJobs,
  type ProbedJob,
  type ProbedTask,
  readListedJobs,
  readProbedJob,
  readProbedTasks,
} from "./reading.js";

/** A batch that may be changed, as last read. */
export interface SacrificialJob extends ProbedJob {
  readonly kind: JobKind;
  readonly tasks: readonly ProbedTask[];
}

export interface ClaimedJobs {
  readonly jobs: readonly SacrificialJob[];
  /** All batches of each package, in the order of the answer. */
  readonly lists: readonly ListedJobs["jobs"][];
}

const OVER: readonly string[] = ["COMPLETED", "COMPLETE", "CANCELED"];

/** Throws Stopped if anything that was not named could be changed. */
export async function claimJobs(given: JobsGiven, asker: Asker): Promise<ClaimedJobs> {
  if (given.reportingDevice !== undefined && !given.devices.includes(given.reportingDevice)) {
    throw new Stopped("The --reporting-device must also be given as a --sacrificial-device.");
  }
  const lists: ListedJobs["jobs"][] = [];
  for (const firmwareId of given.firmwareIds) {
    const { jobs: list, isWhole } = await readSafely(listJobs(firmwareId, given), readListedJobs, asker);
    if (!isWhole) throw new Stopped(`A package has ${PAGE} batches or more. Use packages made for this.`);
    const others = list.filter(({ jobId, status }) => !OVER.includes(status) && !given.jobs.includes(jobId)).length;
    if (others > 0) {
      throw new Stopped(
        `A package has running batches that are not sacrificial (${others}). Use packages made for this, or name them all.`,
      );
    }
    lists.push(list);
  }
  const jobs: SacrificialJob[] = [];
  for (const jobId of given.jobs) jobs.push(await claim(jobId, given, asker));
  return { jobs, lists };
}

async function claim(jobId: string, given: JobsGiven, asker: Asker): Promise<SacrificialJob> {
  const job = await readSafely(queryJob(jobId, given), readProbedJob, asker);
  const { kind } = job;
  if (job.jobId !== jobId || kind === undefined) throw new Stopped(cannotRead("QueryOTAJob"));
  if (job.productKey !== given.productKey) {
    throw new Stopped("A --sacrificial-job is of another product than --product-key, or does not say of which.");
  }
  if (!given.firmwareIds.includes(job.firmwareId)) {
    throw new Stopped(
      "A --sacrificial-job is of another package than --firmware-id. If that is right, name it with --other-firmware-id.",
    );
  }
  const { tasks, total = 0 } = await readSafely(listTasks(jobId, given), readProbedTasks, asker);
  if (tasks.length >= PAGE || total > tasks.length) {
    throw new Stopped(`A --sacrificial-job has ${PAGE} tasks or more. Make batches of a few virtual devices for this.`);
  }
  const strangers = tasks.filter((task) => isOpen(task) && !given.devices.includes(task.deviceName)).length;
  if (strangers > 0) {
    throw new Stopped(
      `A --sacrificial-job has unfinished tasks of devices that are not sacrificial (${strangers}). Name every such device.`,
    );
  }
  return { ...job, kind, tasks };
}

async function readSafely<T>(operation: Operation, read: (body: string) => T | undefined, asker: Asker): Promise<T> {
  const { action } = operation;
  const { sighting, body } = await asker.ask(operation, { needed: true });
  if (sighting.kind === "refused") {
    throw new Stopped(`${action} was refused with ${sighting.code}. Check the endpoint, the ids and --instance-id.`);
  }
  const result = sighting.kind === "accepted" ? read(body) : undefined;
  if (result === undefined) throw new Stopped(cannotRead(action));
  return result;
}

function cannotRead(action: string): string {
  return `The answer to ${action} cannot be read, so harm cannot be ruled out.`;
}
