// Simulates devices that update by themselves, so that a rollout is alive when it is canceled. Each
// queued task is pushed at the rate of its batch, shows progress, and succeeds or fails. Every
// device takes its own time, half to one and a half times the mean.
import type { Random } from "../random.js";
import { reportFetched, reportProgress, reportVersion } from "./device-reports.js";
import type { Job } from "./job.js";
import type { Platform } from "./platform.js";

export interface SimulationSettings {
  /** Mean time from a push to the end of its update. */
  readonly updateSeconds: number;
  /** Fraction of updates that fail, 0 to 1. */
  readonly failureRate: number;
}

const PUSH_EVERY_MS = 1000;
const MINUTE_MS = 60_000;
/** When a device reports, as fractions of its update time, and what. */
const REPORTS = [
  { part: 0.1, percent: 1 },
  { part: 0.3, percent: 25 },
  { part: 0.5, percent: 50 },
  { part: 0.8, percent: 75 },
] as const;

/** The randomness of one update of one device. */
type RunRandom = (task: number, round: number, attempt: number) => Random;

/** Simulates the devices of every task that becomes QUEUED from now on. */
export function simulateDevices(platform: Platform, settings: SimulationSettings, randomOf: RunRandom): void {
  const lines = new Map<Job, Line>();
  platform.onQueued = (task) => {
    const job = platform.tasks.jobOf(task);
    const line = lines.get(job) ?? new Line();
    lines.set(job, line);
    line.add(task);
    if (line.served) return;
    line.served = true;
    platform.timeline.at(Math.max(platform.now() + PUSH_EVERY_MS, job.traits.scheduleMs ?? 0), () => push(job, line));
  };

  function push(job: Job, line: Line): void {
    // The rest is less than one push, unless nothing was queued; then the allowance is not saved
    // up.
    line.allowance = Math.min(line.allowance, MINUTE_MS) + job.traits.maximumPerMinute * PUSH_EVERY_MS;
    while (line.allowance >= MINUTE_MS) {
      const task = line.next();
      if (task === undefined) break;
      if (platform.tasks.stateOf(task) !== "QUEUED") continue;
      line.allowance -= MINUTE_MS;
      reportFetched(platform, task);
      play(task);
    }
    line.served = line.waits;
    if (line.served) platform.timeline.at(platform.now() + PUSH_EVERY_MS, () => push(job, line));
  }

  platform.onUnderWay = (task) => play(task);

  function play(task: number, attempt = 0): void {
    const { tasks, timeline } = platform;
    const round = tasks.roundOf(task);
    const random = randomOf(task, round, attempt);
    const startMs = platform.now();
    const takesMs = settings.updateSeconds * 1000 * (0.5 + random());
    const fails = random() < settings.failureRate;
    const next = (index: number): void => {
      const report = REPORTS[index];
      timeline.at(startMs + takesMs * (report?.part ?? 1), () => {
        if (!goesOn(task, round)) return;
        if (report) {
          reportProgress(platform, task, report.percent);
          next(index + 1);
        } else if (fails) {
          reportProgress(platform, task, -1);
          const again = platform.now() + (tasks.jobOf(task).traits.retryInterval ?? 0) * MINUTE_MS;
          if (isUnderWay(task, round)) timeline.at(again, () => isUnderWay(task, round) && play(task, attempt + 1));
        } else {
          const { destVersion, moduleName } = tasks.jobOf(task).firmware;
          reportVersion(platform, tasks.deviceOf(task), destVersion, moduleName);
        }
      });
    };
    next(0);
  }

  /** Whether the device goes on: it is not told that its task was canceled. */
  function goesOn(task: number, round: number): boolean {
    const isCanceled = platform.tasks.stateOf(task) === "CANCELED" && platform.tasks.roundOf(task) === round;
    return isCanceled || isUnderWay(task, round);
  }

  /**
   * False once the task was canceled, timed out, or run again, because another simulation owns it
   * then.
   */
  function isUnderWay(task: number, round: number): boolean {
    const state = platform.tasks.stateOf(task);
    return (state === "NOTIFIED" || state === "IN_PROGRESS") && platform.tasks.roundOf(task) === round;
  }
}

/** The queued tasks of one batch, first in, first out. */
class Line {
  /** Pushes that may be made, in 60,000ths, because whole numbers add up exactly. */
  allowance = 0;
  /** Whether a push is scheduled. */
  served = false;
  #tasks: number[] = [];
  #head = 0;

  add(task: number): void {
    this.#tasks.push(task);
  }

  get waits(): boolean {
    return this.#head < this.#tasks.length;
  }

  next(): number | undefined {
    const task = this.#tasks[this.#head];
    if (task !== undefined) this.#head++;
    if (this.#head * 2 > this.#tasks.length) {
      this.#tasks = this.#tasks.slice(this.#head);
      this.#head = 0;
    }
    return task;
  }
}
