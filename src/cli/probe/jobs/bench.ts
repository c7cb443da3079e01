// Supplies the questions about jobs with what they share: the sacrificial batches as last read,
// paced calls, and waiting for an effect. Reads a batch again before each change, and ends the
// probe if it has come to hold a device that was not named.
import type { Clock } from "../../../base/clock.js";
import type { JOB_QUESTIONS } from "../../../emulator/open-questions.js";
import type { Operation } from "../../../upstream/device-operations.js";
import { type Asker, type ProbeAnswer, Stopped } from "../asker.js";
import { isForbidden } from "../questions.js";
import { cancelByJob, type Flag, type JobsGiven, listTasks, queryJob, type TasksAsked } from "./calls.js";
import type { ClaimedJobs, SacrificialJob } from "./claim.js";
import { type Effect, effectOf } from "./effect.js";
import { isOpen, type ProbedJob, type ProbedTask, readProbedJob, readProbedTasks, type TaskPage } from "./reading.js";

/** Facts that no choice of the emulator stands for, and two of its numbers. */
export type Fact =
  | "pageSize"
  | "taskOrder"
  | "jobOrder"
  | "totalByState"
  | "listsAgree"
  | "unknownJob"
  | "byJobDelayMs"
  | "listLagMs"
  | "taskDesc"
  | "repeatedCancel"
  | "closingKeepsTasks";

export type FindingName = keyof typeof JOB_QUESTIONS | Fact;

export interface JobFinding {
  /** The value of the emulator's flag; undefined if it is unclear, or if there is no such flag. */
  readonly choice?: string;
  /** The finding where the emulator has no flag. */
  readonly answer?: string;
  /** The finding in words, or why there is none. */
  readonly note: string;
  /** The answer that it was read from. */
  readonly seen?: Pick<ProbeAnswer, "sighting" | "requestId">;
  /** Nobody would expect this answer, so its RequestId is worth reporting. */
  readonly surprising?: true;
}

/** The question stays open. The message says why. */
export class CannotTell extends Error {
  override readonly name = "CannotTell";
}

/** A cancel, and what became of the tasks that could be canceled before it. */
export interface Watched {
  readonly answer: ProbeAnswer;
  readonly effect: Effect;
  /** How long an effect was waited for. */
  readonly watchedMs: number;
}

/** How long an effect is waited for at first. */
const PATIENCE_MS = 10_000;
const LONGEST_PATIENCE_MS = 60_000;
const READ_EVERY_MS = 2000;
/** Reads in a wait at first, and in the longest one. */
export const FIRST_READS = PATIENCE_MS / READ_EVERY_MS + 1;
export const MOST_READS = LONGEST_PATIENCE_MS / READ_EVERY_MS + 1;

export interface BenchOptions {
  readonly given: JobsGiven;
  readonly claim: ClaimedJobs;
  readonly asker: Asker;
  readonly clock: Clock;
  readonly progress: (line: string) => void;
  readonly learn: (name: FindingName, finding: JobFinding) => void;
}

export class Bench {
  readonly given: JobsGiven;
  readonly lists: ClaimedJobs["lists"];
  readonly asker: Asker;
  readonly clock: Clock;
  readonly progress: (line: string) => void;
  readonly learn: (name: FindingName, finding: JobFinding) => void;
  readonly #jobs: Map<string, SacrificialJob>;
  #patienceMs = PATIENCE_MS;

  constructor({ given, claim, asker, clock, progress, learn }: BenchOptions) {
    this.given = given;
    this.lists = claim.lists;
    this.asker = asker;
    this.clock = clock;
    this.progress = progress;
    this.learn = learn;
    this.#jobs = new Map(claim.jobs.map((job) => [job.jobId, job]));
  }

  /** The sacrificial batches as last read, in the user's order. */
  get jobs(): readonly SacrificialJob[] {
    return [...this.#jobs.values()];
  }

  /** How long an effect is waited for before it counts as absent. */
  get patienceMs(): number {
    return this.#patienceMs;
  }

  /** Waits twice as long as it took an effect to show, within bounds. */
  expectEffectsIn(ms: number): void {
    this.#patienceMs = Math.min(Math.max(2 * ms, PATIENCE_MS), LONGEST_PATIENCE_MS);
  }

  /** The first batch that fits. Throws CannotTell if there is none. */
  pick(needs: string, fits: (job: SacrificialJob) => boolean): SacrificialJob {
    const job = this.jobs.find(fits);
    if (!job) throw new CannotTell(`not asked; needs ${needs}`);
    return job;
  }

  /** Sends a call. Throws CannotTell without an answer, or without the permission. */
  async send(operation: Operation): Promise<ProbeAnswer> {
    const answer = await this.asker.ask(operation);
    const { sighting } = answer;
    if (sighting.kind === "unanswered") throw new CannotTell(sighting.why);
    if (sighting.kind === "refused" && isForbidden(sighting.code)) {
      throw new CannotTell(`the keys lack the permission iot:${operation.action}`);
    }
    return answer;
  }

  /** Sends a call that changes something. A repeat after a lost answer shows nothing. */
  async change(operation: Operation): Promise<ProbeAnswer> {
    const { callsSent, throttles } = this.asker;
    const throttled = throttles.length;
    const answer = await this.send(operation);
    const lost = this.asker.callsSent - callsSent - 1 - (this.asker.throttles.length - throttled);
    if (lost > 0) throw new CannotTell(`${operation.action} was sent again after an answer was lost`);
    return answer;
  }

  /** Reads a list of tasks. Throws CannotTell if it cannot be read. */
  async page(jobId: string, asked?: TasksAsked): Promise<TaskPage> {
    return this.#read(listTasks(jobId, this.given, asked), readProbedTasks);
  }

  /** All tasks of a batch, now. Throws Stopped if one that may run is of a device nobody named. */
  async tasksOf(jobId: string): Promise<readonly ProbedTask[]> {
    const { tasks } = await this.page(jobId);
    this.#note(jobId, { tasks });
    if (tasks.some((task) => isOpen(task) && !this.given.devices.includes(task.deviceName))) {
      throw new Stopped("A sacrificial batch has taken in a device that is not sacrificial; nothing more is sent.");
    }
    return tasks;
  }

  async statusOf(jobId: string): Promise<string> {
    const job: ProbedJob = await this.#read(queryJob(jobId, this.given), readProbedJob);
    this.#note(jobId, { status: job.status });
    return job.status;
  }

  /** Reads until `done`, or until `limitMs` have passed; returns what was read last. */
  async watch<T>(read: () => Promise<T>, done: (seen: T) => boolean, limitMs = this.patienceMs): Promise<T> {
    const untilMs = this.clock.now() + limitMs;
    for (;;) {
      const seen = await read();
      if (done(seen) || this.clock.now() >= untilMs) return seen;
      await this.asker.quiet(READ_EVERY_MS);
    }
  }

  /** Cancels by job, with these flags or with none, and waits for the effect. */
  async cancel(jobId: string, flags: readonly Flag[] | undefined): Promise<Watched> {
    const before = await this.tasksOf(jobId);
    const answer = await this.change(cancelByJob(jobId, flags, this.given));
    if (answer.sighting.kind === "refused") return { answer, effect: "none", watchedMs: 0 };
    const answeredMs = this.clock.now();
    const after = await this.watch(
      () => this.tasksOf(jobId),
      (tasks) => effectOf(before, tasks) === "all",
    );
    return { answer, effect: effectOf(before, after), watchedMs: this.clock.now() - answeredMs };
  }

  async #read<T>(operation: Operation, read: (body: string) => T | undefined): Promise<T> {
    const { sighting, body } = await this.send(operation);
    const result = sighting.kind === "accepted" ? read(body) : undefined;
    if (result !== undefined) return result;
    throw new CannotTell(
      sighting.kind === "refused"
        ? `${operation.action} was refused with ${sighting.code}`
        : `the answer to ${operation.action} cannot be read`,
    );
  }

  #note(jobId: string, seen: Partial<SacrificialJob>): void {
    const job = this.#jobs.get(jobId);
    if (job) this.#jobs.set(jobId, { ...job, ...seen });
  }
}
