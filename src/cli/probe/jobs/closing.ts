// Closes a dynamic batch, tries to close it once more, cancels what is left in it, and watches
// whether an older dynamic batch takes its devices.
import { words } from "../asker.js";
import { type Bench, CannotTell, type JobFinding, MOST_READS } from "./bench.js";
import { cancelByDevice, closeStrategy } from "./calls.js";
import type { SacrificialJob } from "./claim.js";
import { effectOf } from "./effect.js";
import { worksOf } from "./kinds.js";
import { ALL_FLAGS, EFFECTS, isRefused, type JobQuestion, surprise } from "./question.js";
import { isOpen, type ProbedTask } from "./reading.js";

const DYNAMIC = "an open dynamic batch with an unfinished task";
/** How long an older batch is given to take the devices. */
const TAKEOVER_MS = 60_000;

export const CLOSING: JobQuestion = {
  answers: ["closingKeepsTasks", "strategyOfClosed", "canceledJob", "olderDynamicJob"],
  does: "closes a dynamic batch twice, cancels its tasks (by device if the batch refuses), and watches the other one for a minute",
  needs: `${DYNAMIC}; for older-dynamic-job a second, older one of another package that matches the same devices`,
  changes:
    "CLOSES the dynamic batch created last and CANCELS its tasks; the older one may take its devices, and stays open",
  after:
    "strategy-of-closed, canceled-job and older-dynamic-job have no answer unless the batch was closed; " +
    "older-dynamic-job has none unless its tasks were canceled, too",
  mostCalls: 10 + 4 * MOST_READS,
  async ask(bench) {
    const job = pickNewest(bench);
    const { jobId } = job;
    const before = await bench.tasksOf(jobId);
    const older = bench.jobs.find((each) => each.jobId !== jobId && isOpenDynamic(each));
    const taken = older ? await bench.tasksOf(older.jobId) : [];

    const closed = await bench.change(closeStrategy(jobId, bench.given));
    if (isRefused(closed.sighting)) {
      bench.learn("closingKeepsTasks", surprise(closed, `closing was refused with ${closed.sighting.code}`));
      throw new CannotTell("undecided: the batch could not be closed");
    }
    const status = await bench.watch(
      () => bench.statusOf(jobId),
      (seen) => seen === "CANCELED",
    );
    bench.learn("closingKeepsTasks", keepsTasksOf(before, await bench.tasksOf(jobId)));
    if (status !== "CANCELED") throw new CannotTell(`undecided: the closed batch stays ${status}`);

    const again = await bench.change(closeStrategy(jobId, bench.given));
    const note = `closing a closed batch: ${words(again.sighting)}`;
    bench.learn("strategyOfClosed", { choice: isRefused(again.sighting) ? "reject" : "ignore", note, seen: again });

    const canceled = await bench.cancel(jobId, ALL_FLAGS);
    bench.learn("canceledJob", worksOf(canceled));
    if (!older) throw new CannotTell("not asked; needs an older open dynamic batch beside the one that is closed");
    if (canceled.effect !== "all") await cancelEachDevice(bench, job);
    bench.learn("olderDynamicJob", await takeover(bench, older.jobId, before, taken));
  },
};

function isOpenDynamic({ kind, status }: SacrificialJob): boolean {
  return kind === "dynamic" && status === "IN_PROGRESS";
}

/** Devices follow the dynamic batch that was started last. */
function pickNewest(bench: Bench): SacrificialJob {
  const [newest] = bench.jobs
    .filter((job) => isOpenDynamic(job) && job.tasks.some(isOpen))
    .sort((a, b) => (a.created < b.created ? 1 : -1));
  return newest ?? bench.pick(DYNAMIC, () => false);
}

function keepsTasksOf(before: readonly ProbedTask[], after: readonly ProbedTask[]): JobFinding {
  const effect = effectOf(before, after);
  if (effect === "unknown") return { note: `undecided: ${EFFECTS[effect]}` };
  return { answer: effect === "none" ? "yes" : "no", note: `right after the batch was closed, ${EFFECTS[effect]}` };
}

/** Cancels what the call by batch left, only in this batch and only for named devices. */
async function cancelEachDevice(bench: Bench, { jobId, firmwareId }: SacrificialJob): Promise<void> {
  const left = (await bench.tasksOf(jobId)).filter(isOpen).map(({ deviceName }) => deviceName);
  if (left.length === 0) return;
  await bench.change(cancelByDevice(jobId, firmwareId, left, bench.given));
  const after = await bench.watch(
    () => bench.tasksOf(jobId),
    (tasks) => !tasks.some(isOpen),
  );
  if (after.some(isOpen)) throw new CannotTell("undecided: the tasks of the closed batch are not canceled");
}

async function takeover(
  bench: Bench,
  olderId: string,
  before: readonly ProbedTask[],
  taken: readonly ProbedTask[],
): Promise<JobFinding> {
  const devices = new Set(before.filter(isOpen).map(({ deviceName }) => deviceName));
  const known = new Set(taken.filter(isOpen).map(({ key }) => key));
  const isNew = (task: ProbedTask) => isOpen(task) && devices.has(task.deviceName) && !known.has(task.key);
  const tasks = await bench.watch(
    () => bench.tasksOf(olderId),
    (seen) => seen.some(isNew),
    TAKEOVER_MS,
  );
  if (tasks.some(isNew))
    return { choice: "takes-over", note: "the older dynamic batch took a device of the closed one" };
  const waited = `for ${TAKEOVER_MS / 1000} s`;
  return { choice: "stays-out", note: `the older dynamic batch took no device of the closed one ${waited}` };
}
