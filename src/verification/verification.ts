// Verifies one request after its cancel: decides which devices are read back, by which operation
// and how often, and what is reported for devices that reading told nothing about. An accepted
// device stays accepted, unless the list shows its actual state.
import { type Clock, sleepUntil } from "../base/clock.js";
import type { DeviceOutcome } from "../gateway/device-outcome.js";
import type { Failure } from "../gateway/failures.js";
import type { CarriedOut, Verifier } from "../gateway/verifier.js";
import type { Answer } from "../gateway/waiter.js";
import { judge } from "./judge.js";
import { notVerified } from "./not-verified.js";
import type { ReadLoop } from "./read-loop.js";
import { ReadRequest, type Told } from "./read-request.js";

export interface VerificationOptions {
  readonly clock: Clock;
  /** For requests that name a batch: many devices per call. */
  readonly tasksOfJob: ReadLoop;
  /** For requests without a batch: one device per call, */
  readonly unfinishedTasks: ReadLoop;
  /** and therefore at most this many devices per request. */
  readonly mostWithoutJob: number;
}

/**
 * Limits the devices being read back, to bound memory. Beyond it nothing is refused: the cancel is
 * already done.
 */
const MOST_DEVICES = 100_000;
const MOST_DEVICES_PER_CALLER = 50_000;

/**
 * A cancel may take time to show: accepted devices with an unfinished task are read again, after
 * growing waits.
 */
const READINGS = 5;
const FIRST_WAIT_MS = 500;

const OUT_OF_TIME = notVerified("its task was not read back before the deadline; use a longer deadline");
const CROWDED = notVerified("its task was not read back: too many devices are being read back; ask again later");

export class Verification implements Verifier {
  readonly #options: VerificationOptions;
  readonly #leaving = new Map<CarriedOut, AbortController>();
  /** Also requests that left during their cancel, before `verify` was called. */
  readonly #left = new WeakSet<CarriedOut>();
  readonly #devicesByCaller = new Map<string, number>();
  #devices = 0;
  readonly #tooMany: Failure;

  constructor(options: VerificationOptions) {
    this.#options = options;
    const { mostWithoutJob } = options;
    this.#tooMany = notVerified(
      `its task was not read back: without job_id, the limit is ${mostWithoutJob} devices per request; set job_id`,
    );
  }

  async verify(request: CarriedOut, answer: Answer): Promise<Answer> {
    const { clock, mostWithoutJob } = this.#options;
    const { scope, caller, deviceNames, answerByMs } = request.command;
    const course = new Course(deviceNames, answer.outcomes, scope.jobId !== "");
    const most = scope.jobId ? Infinity : mostWithoutJob;
    const names = course.open.slice(0, Math.min(most, this.#roomFor(caller)));
    course.explain(course.open.slice(most), this.#tooMany);
    course.explain(course.open.slice(names.length, most), CROWDED);
    course.explain(names, OUT_OF_TIME);
    if (names.length === 0 || this.#left.has(request)) return course.over(answer);

    const leaving = new AbortController();
    const isEndless = answerByMs === Infinity;
    const disarm = isEndless ? () => {} : clock.at(answerByMs, () => leaving.abort());
    this.#leaving.set(request, leaving);
    this.#count(caller, names.length);
    await this.#read(request, names, course, leaving.signal);
    this.#count(caller, -names.length);
    this.#leaving.delete(request);
    disarm();
    return course.over(answer);
  }

  leave(request: CarriedOut): void {
    this.#left.add(request);
    this.#leaving.get(request)?.abort();
  }

  async close(): Promise<void> {
    const { tasksOfJob, unfinishedTasks } = this.#options;
    await Promise.all([tasksOfJob.close(), unfinishedTasks.close()]);
  }

  /** Reads the devices, and reads those again whose cancel may show later. */
  async #read(
    { command, span }: CarriedOut,
    names: readonly string[],
    course: Course,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, tasksOfJob, unfinishedTasks } = this.#options;
    const loop = command.scope.jobId ? tasksOfJob : unfinishedTasks;
    let next = names;
    for (let nth = 1; nth <= READINGS && next.length > 0; nth++) {
      if (nth > 1) await sleepUntil(clock, clock.now() + FIRST_WAIT_MS * 2 ** (nth - 2), signal).catch(() => {});
      if (signal.aborted || clock.now() >= command.answerByMs) return;
      const again: string[] = [];
      const origin = { scope: command.scope, caller: command.caller, span, arrivedMs: clock.now() };
      const readRequest = new ReadRequest(origin, next, (name, told) => {
        if (course.note(name, told, nth)) again.push(name);
      });
      const leave = () => loop.leave(readRequest);
      signal.addEventListener("abort", leave);
      loop.read(readRequest);
      await readRequest.over;
      signal.removeEventListener("abort", leave);
      next = again;
    }
  }

  #roomFor(caller: string): number {
    const own = this.#devicesByCaller.get(caller) ?? 0;
    return Math.min(MOST_DEVICES - this.#devices, MOST_DEVICES_PER_CALLER - own);
  }

  #count(caller: string, devices: number): void {
    this.#devices += devices;
    const own = (this.#devicesByCaller.get(caller) ?? 0) + devices;
    if (own > 0) this.#devicesByCaller.set(caller, own);
    else this.#devicesByCaller.delete(caller);
  }
}

/** The known state of one request's devices, updated with each reading. */
class Course {
  readonly #outcomes: DeviceOutcome[];
  readonly #indexes = new Map<string, number>();
  /** Shared failures, because thousands of devices have the same one. */
  readonly #unfinished = new Map<string, Failure>();
  readonly #complete: boolean;

  /** `complete`: finished tasks are listed as well. */
  constructor(deviceNames: readonly string[], outcomes: readonly DeviceOutcome[], complete: boolean) {
    this.#outcomes = [...outcomes];
    this.#complete = complete;
    for (const [index, { kind }] of outcomes.entries()) {
      const name = deviceNames[index] as string;
      if (kind === "accepted" || kind === "unknown") this.#indexes.set(name, index);
    }
  }

  /** The devices for which reading can tell more. */
  get open(): string[] {
    return [...this.#indexes.keys()];
  }

  /**
   * Records why these devices are not verified so far. Outcomes other than accepted speak for
   * themselves.
   */
  explain(names: readonly string[], failure: Failure): void {
    const outcome: DeviceOutcome = { kind: "accepted", unverified: failure };
    for (const name of names) {
      const index = this.#indexes.get(name) ?? -1;
      if (this.#outcomes[index]?.kind === "accepted") this.#outcomes[index] = outcome;
    }
  }

  /** Records the `nth` reading, and returns whether another one could tell more. */
  note(name: string, told: Told, nth: number): boolean {
    if (told.kind === "unread") {
      this.explain([name], told.failure);
      return false;
    }
    const index = this.#indexes.get(name) ?? -1;
    const found = judge(told.tasks, this.#complete);
    if (found.kind === "known") {
      this.#outcomes[index] = found.outcome;
      return false;
    }
    this.explain([name], this.#stillIn(found.state, nth));
    return this.#outcomes[index]?.kind === "accepted"; // for the others, the cancel may never have been carried out
  }

  over(answer: Answer): Answer {
    return { ...answer, outcomes: this.#outcomes };
  }

  #stillIn(state: string, nth: number): Failure {
    const times = nth === 1 ? "once" : `${nth} times`;
    const message = `its task was still ${state} after it was read back ${times}`;
    const known = this.#unfinished.get(message) ?? notVerified(message);
    this.#unfinished.set(message, known);
    return known;
  }
}
