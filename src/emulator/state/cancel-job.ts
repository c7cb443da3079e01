// Cancels the tasks of a whole job, at once or over a time, and decides what becomes of a static
// job that has nothing left to do.
import type { Job } from "./job.js";
import type { Platform } from "./platform.js";
import { offerToOtherDynamicJobs } from "./rollout.js";
import type { TaskState } from "./task-state.js";

export type States = Readonly<Partial<Record<TaskState, boolean | undefined>>>;

interface Application {
  /** The status of a static job without unfinished tasks. */
  readonly emptied: "CANCELED" | "COMPLETED" | "unchanged";
  /** When everything has been applied. */
  readonly delayMs: number;
  readonly inPortions: boolean;
}

const PORTIONS = 10;

/** `statesOf` is asked when tasks are canceled: a planned job may have started by then. */
export function cancelJobTasks(
  platform: Platform,
  job: Job,
  statesOf: (job: Job) => States,
  { emptied, delayMs, inPortions }: Application,
): void {
  const { size } = job.tasks;
  const portions = inPortions && delayMs > 0 ? PORTIONS : 1;
  const beganMs = platform.now();
  for (let portion = 0; portion < portions; portion++) {
    const isLast = portion === portions - 1;
    const apply = () => {
      const end = isLast ? job.tasks.size : Math.floor((size * (portion + 1)) / portions);
      cancelPlaces(platform, job, statesOf(job), Math.floor((size * portion) / portions), end, emptied);
    };
    if (delayMs === 0) apply();
    else platform.timeline.at(beganMs + (delayMs * (portion + 1)) / portions, apply);
  }
}

function cancelPlaces(
  platform: Platform,
  job: Job,
  canceled: States,
  first: number,
  end: number,
  emptied: Application["emptied"],
): void {
  const { tasks } = platform;
  const nowMs = platform.now();
  const { unfinished, status, modifiedMs, endedMs } = job;
  for (let place = first; place < end; place++) {
    const task = job.tasks.at(place);
    if (!canceled[tasks.stateOf(task)]) continue;
    tasks.move(task, "CANCELED", nowMs);
    offerToOtherDynamicJobs(platform, task);
  }
  if (unfinished === 0 || job.unfinished > 0 || job.traits.selection !== "STATIC") return;
  // The last move completed the job, unless it is planned.
  if (emptied === "unchanged") Object.assign(job, { status, modifiedMs, endedMs });
  else job.end(emptied, nowMs);
}
