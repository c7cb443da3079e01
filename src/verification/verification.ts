// What becomes of one request after its cancel: which of its devices are read back, by which operation, how often, and
// what is said of those that it told nothing about. A device that was accepted stays so whatever happens here, and a
// device that is read gets the outcome that the list showed.
import { type Clock, sleepUntil } from "../base/clock.js";
import type { Failure } from "../gateway/errors.js";
import type { CarriedOut, Verifier } from "../gateway/verifier.js";
import type { Answer, DeviceOutcome } from "../gateway/waiter.js";
import { judge } from "./judge.js";
import { notVerified } from "./not-verified.js";
import type { ReadLoop } from "./read-loop.js";
import { ReadRequest, type Told } from "./read-request.js";

export interface VerificationOptions {
  readonly clock: Clock;
  /** For requests that name a batch: many devices a call. */
  readonly tasksOfJob: ReadLoop;
  /** For those that do not: one device a call, */
  readonly unfinishedTasks: ReadLoop;
  /** and so no more than this many of a request. */
  readonly mostWithoutJob: number;
}

/** Devices that may be read back at a time, for memory's sake. Who exceeds it is not refused: the cancel is done. */
const MOST_DEVICES = 100_000;
const MOST_DEVICES_PER_CALLER = 50_000;

/** A cancel need not show at once: who is accepted and can still go on is read again, after longer and longer waits. */
const READINGS = 5;
const FIRST_WAIT_MS = 500;

const OUT_OF_TIME = notVerified("its task was not read back: no time was left");
const CROWDED = notVerified("its task was not read back: too many devices wait for that");

export class Verification implements Verifier {
  readonly #options: VerificationOptions;
  readonly #leaving = new Map<CarriedOut, AbortController>();
  /** Also those whose cancel ends because they leave: it may still be under way. */
  readonly #left = new WeakSet<CarriedOut>();
  readonly #devicesByCaller = new Map<string, number>();
  #devices = 0;
  readonly #tooMany: Failure;

  constructor(options: VerificationOptions) {
    this.#options = options;
    const { mostWithoutJob } = options;
    this.#tooMany = notVerified(
      `its task was not read back: without job_id, that is done for ${mostWithoutJob} devices of a request`,
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

  /** Reads them, and those again that may show their cancel later. */
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

/** What is known of the devices of one request, as it is learnt. */
class Course {
  readonly #outcomes: DeviceOutcome[];
  readonly #indexes = new Map<string, number>();
  /** Thousands of devices share a failure. */
  readonly #unfinished = new Map<string, Failure>();
  readonly #complete: boolean;

  /** `complete`: tasks that are over are listed as well. */
  constructor(deviceNames: readonly string[], outcomes: readonly DeviceOutcome[], complete: boolean) {
    this.#outcomes = [...outcomes];
    this.#complete = complete;
    for (const [index, { kind }] of outcomes.entries()) {
      const name = deviceNames[index] as string;
      if (kind === "accepted" || kind === "unknown") this.#indexes.set(name, index);
    }
  }

  /** Those of which reading can tell more. */
  get open(): string[] {
    return [...this.#indexes.keys()];
  }

  /** Why these are not verified, as things are now. What is not known of the others is said by their outcome. */
  explain(names: readonly string[], failure: Failure): void {
    const outcome: DeviceOutcome = { kind: "accepted", unverified: failure };
    for (const name of names) {
      const index = this.#indexes.get(name) ?? -1;
      if (this.#outcomes[index]?.kind === "accepted") this.#outcomes[index] = outcome;
    }
  }

  /** Whether the `nth` reading leaves hope in another one. */
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
    return this.#outcomes[index]?.kind === "accepted"; // the cancel of the others may never have been carried out
  }

  over(answer: Answer): Answer {
    return { ...answer, outcomes: this.#outcomes };
  }

  #stillIn(state: string, nth: number): Failure {
    const times = nth === 1 ? "once" : `${nth} times`;
    const message = `its task was still ${state} when it was read back, ${times}`;
    const known = this.#unfinished.get(message) ?? notVerified(message);
    this.#unfinished.set(message, known);
    return known;
  }
}
