// The questions about batches with a schedule: which flag reaches their tasks before and after they
// have started.
import { words } from "../asker.js";
import { type Bench, CannotTell, type JobFinding, MOST_READS, type Watched } from "./bench.js";
import type { SacrificialJob } from "./claim.js";
import { EFFECTS, isRefused, type JobQuestion, surprise, within } from "./question.js";
import { isOpen } from "./reading.js";

const STARTED = "a scheduled static batch that has started, with an unfinished task";
const PLANNED = "a PLANNED batch with a QUEUED task; a second one, if the first loses it";
const MOST_CALLS_PER_CANCEL = MOST_READS + 2;

export const SCHEDULE_QUESTIONS: readonly JobQuestion[] = [
  {
    answers: ["scheduledFlag"],
    does: "sends CancelOTATaskByJob with CancelScheduledTask alone to a batch that has started",
    needs: STARTED,
    changes: "may CANCEL every task of that batch",
    mostCalls: MOST_CALLS_PER_CANCEL,
    async ask(bench) {
      const isStarted = ({ kind, scheduled, status, tasks }: SacrificialJob) =>
        kind === "static" && scheduled && status === "IN_PROGRESS" && tasks.some(isOpen);
      bench.learn(
        "scheduledFlag",
        scheduledFlagOf(await bench.cancel(bench.pick(STARTED, isStarted).jobId, ["scheduled"])),
      );
    },
  },
  {
    answers: ["plannedTasks"],
    does: "sends CancelOTATaskByJob with CancelQueuedTask alone, then CancelScheduledTask alone, to PLANNED batches",
    needs: PLANNED,
    changes: "CANCELS the tasks of one or two PLANNED batches",
    mostCalls: 2 * MOST_CALLS_PER_CANCEL,
    async ask(bench) {
      const first = pickPlanned(bench, []);
      const queued = await bench.cancel(first.jobId, ["queued"]);
      // A batch that lost its task to the first flag cannot show what the second one does.
      const second = queued.effect === "none" ? first : pickPlanned(bench, [first.jobId]);
      bench.learn("plannedTasks", plannedTasksOf(queued, await bench.cancel(second.jobId, ["scheduled"])));
    },
  },
];

function pickPlanned(bench: Bench, used: readonly string[]): SacrificialJob {
  const job = bench.jobs.find(
    ({ jobId, status, tasks }) =>
      status === "PLANNED" && !used.includes(jobId) && tasks.some(({ state }) => state === "QUEUED"),
  );
  if (job) return job;
  throw new CannotTell(
    used.length === 0
      ? "not asked; needs a PLANNED batch with a QUEUED task"
      : "CancelQueuedTask reaches the tasks of a PLANNED batch; needs a second such batch to see whether CancelScheduledTask does",
  );
}

export function scheduledFlagOf({ answer, effect, watchedMs }: Watched): JobFinding {
  const { sighting } = answer;
  if (isRefused(sighting)) return surprise(answer, `refused with ${sighting.code}`);
  const seen = answer;
  if (effect === "all") return { choice: "whole-job", note: "it cancels the tasks of a batch that has started", seen };
  if (effect === "none") {
    return { choice: "planned-only", note: `it cancels nothing ${within(watchedMs)} once the batch has started`, seen };
  }
  return surprise(answer, `${words(sighting)}, and ${EFFECTS[effect]}`);
}

/** Interprets two cancels of tasks that show QUEUED in PLANNED batches, each with one flag. */
export function plannedTasksOf(queued: Watched, scheduled: Watched): JobFinding {
  const seen = scheduled.answer;
  for (const { answer, effect } of [queued, scheduled]) {
    if (isRefused(answer.sighting)) return surprise(answer, `a flag alone is refused with ${answer.sighting.code}`);
    if (effect === "some" || effect === "unknown") return surprise(answer, EFFECTS[effect]);
  }
  const [byQueued, byScheduled] = [queued.effect === "all", scheduled.effect === "all"];
  if (byQueued && byScheduled)
    return { choice: "scheduled-or-queued", note: "either flag cancels PLANNED tasks", seen };
  if (byScheduled) {
    const note = `CancelScheduledTask cancels PLANNED tasks, CancelQueuedTask none ${within(queued.watchedMs)}`;
    return { choice: "scheduled", note, seen };
  }
  if (byQueued) {
    const note = `CancelQueuedTask cancels PLANNED tasks, CancelScheduledTask none ${within(scheduled.watchedMs)}`;
    return { choice: "queued", note, seen };
  }
  return surprise(scheduled.answer, "neither flag alone cancels PLANNED tasks");
}
