// Empties a static batch, and reads it both by batch and by device until the cancel shows: whether
// it is applied at once, whether lists lag, and what becomes of the batch.
import { JOB_QUESTIONS } from "../../../emulator/open-questions.js";
import { redactSecrets } from "../../../upstream/redaction.js";
import { words } from "../asker.js";
import { hideNames } from "../names.js";
import { type Bench, CannotTell, type JobFinding, MOST_READS } from "./bench.js";
import { cancelByJob, type JobsGiven, listUnfinished } from "./calls.js";
import type { SacrificialJob } from "./claim.js";
import { splitOf } from "./effect.js";
import { ALL_FLAGS, isRefused, type JobQuestion, surprise } from "./question.js";
import { isOpen, type ProbedTask, readProbedTasks } from "./reading.js";
import { appliedOf, delayOf, lagOf, type Read } from "./timing.js";

const RUNNING = "a running static batch without a schedule, with unfinished tasks, best three";
/** How long the cancel is watched. */
const WATCHED_MS = 60_000;
/** Bounded by the probe's pause between calls. */
const MOST_TIMED_READS = 60;

export const EMPTYING: JobQuestion = {
  answers: ["byJobDelayMs", "listLagMs", "byJobApplied", "taskDesc", "emptiedJob", "repeatedCancel"],
  does: "cancels all tasks of a static batch by one CancelOTATaskByJob, and later once more",
  needs: RUNNING,
  changes: "CANCELS every task of that batch",
  after: "emptied-job and repeated-cancel have no answer unless every task has ended",
  mostCalls: 3 + MOST_TIMED_READS + MOST_READS,
  async ask(bench) {
    const job = bench.pick(RUNNING, isRunning);
    const { jobId } = job;
    const before = await bench.tasksOf(jobId);
    if (!before.some(isOpen)) throw new CannotTell("undecided: its tasks ended before the cancel");
    const answer = await bench.change(cancelByJob(jobId, ALL_FLAGS, bench.given));
    if (isRefused(answer.sighting)) {
      bench.learn("emptiedJob", surprise(answer, `the cancel was refused with ${answer.sighting.code}`));
      throw new CannotTell("undecided: the cancel was refused");
    }
    const { reads, after } = await timeEffect(bench, jobId, before);
    bench.learn("byJobDelayMs", delayOf(reads));
    bench.learn("listLagMs", lagOf(reads));
    bench.learn("byJobApplied", appliedOf(reads, before.filter(isOpen).length));
    bench.learn("taskDesc", describedAs(after, bench.given));
    if (after.some(isOpen)) throw new CannotTell("undecided: tasks were left after a minute");
    bench.expectEffectsIn(reads.at(-1)?.atMs ?? 0);
    const status = await bench.watch(
      () => bench.statusOf(jobId),
      (seen) => seen !== job.status,
    );
    bench.learn("emptiedJob", emptiedOf(job.status, status));
    const again = await bench.change(cancelByJob(jobId, ALL_FLAGS, bench.given));
    const note = `the same cancel again, of the batch that is now ${status}`;
    bench.learn("repeatedCancel", { answer: words(again.sighting), note, seen: again });
  },
};

function isRunning({ kind, status, scheduled, tasks }: SacrificialJob): boolean {
  return kind === "static" && status === "IN_PROGRESS" && !scheduled && tasks.some(isOpen);
}

/** Reads in turns, by batch and by its last device, until both show that nothing is left. */
async function timeEffect(bench: Bench, jobId: string, before: readonly ProbedTask[]) {
  const answeredMs = bench.clock.now();
  const deviceName = before.findLast(isOpen)?.deviceName ?? "";
  const reads: Read[] = [];
  for (;;) {
    const after = await bench.tasksOf(jobId);
    const { canceled, open } = splitOf(before, after);
    reads.push({ by: "job", atMs: bench.clock.now() - answeredMs, canceled, open });
    const { body } = await bench.send(listUnfinished(deviceName, bench.given));
    const isListed = readProbedTasks(body)?.tasks.some((task) => task.jobId === jobId);
    if (isListed === undefined) throw new CannotTell("ListOTAUnfinishedTaskByDevice could not be read");
    reads.push({
      by: "device",
      atMs: bench.clock.now() - answeredMs,
      canceled: isListed ? 0 : 1,
      open: isListed ? 1 : 0,
    });
    const isOver = (open === 0 && !isListed) || bench.clock.now() - answeredMs >= WATCHED_MS;
    if (isOver || reads.length >= MOST_TIMED_READS) return { reads, after };
  }
}

/** The texts may name what the user named; reports are shared. */
function describedAs(tasks: readonly ProbedTask[], given: JobsGiven): JobFinding {
  const names = [given.productKey, ...given.firmwareIds, given.instanceId, ...given.jobs, ...given.devices];
  const texts = new Set(
    tasks.filter(({ state }) => state === "CANCELED").map(({ text }) => redactSecrets(hideNames(text, names), "", [])),
  );
  if (texts.size === 0) return { note: "undecided: no task is CANCELED" };
  const answer = [...texts].map((text) => (text === "" ? "empty" : `“${text}”`)).join(", ");
  return { answer, note: "the TaskDesc of canceled tasks" };
}

/** Interprets the status of a static batch before and after it lost its last unfinished task. */
export function emptiedOf(before: string, after: string): JobFinding {
  const status = after === "COMPLETE" ? "COMPLETED" : after;
  const changed = JOB_QUESTIONS.emptiedJob.choices.find((each) => each === status);
  if (changed !== undefined) return { choice: changed, note: `a static batch without unfinished tasks is ${after}` };
  if (after === before) return { choice: "unchanged", note: `a static batch without unfinished tasks stays ${after}` };
  return { note: `undecided: the batch is ${after}, which is no choice of the emulator` };
}
