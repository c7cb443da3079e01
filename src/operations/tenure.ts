// The time for which this process holds an operation: takes the steps of its run, one after the
// other, until the operation ends, or this process gives it up and its calls in flight have ended.
// Nothing is sent once an end is decided, the operation is given up, or another process may hold
// its lease.
import type { Span } from "@opentelemetry/api";
import type { Clock } from "../base/clock.js";
import { Backoff } from "./backoff.js";
import { RunDeadlines } from "./run-deadlines.js";
import { EXPIRED, type RunEnding, STOPPED } from "./run-ending.js";
import { type Leased, LeaseLost, type OperationRecord } from "./store.js";

/** The work of one kind of operation, as its tenure drives it. */
export interface LeasedRun {
  /** Resolves when it is time for the next step. */
  step(): Promise<void>;
  /** An end is decided. Work that was not sent is withdrawn. Called once. */
  ending(ending: RunEnding): void;
  /** The operation is given up without an end. Work that was not sent is withdrawn. */
  leaving(): void;
  /** `CancelOperation` was called, whether an end was decided before or not. */
  stopped?(): void;
  /** The lease is about to end. Work that was not sent is withdrawn until it is renewed. */
  lapsed?(): void;
}

export interface TenureOptions {
  readonly clock: Clock;
  readonly leased: Leased;
  /** When the lease was asked for; monotonic. */
  readonly askedMs: number;
  /** Of the operation; its calls are linked to it. */
  readonly span: Span | undefined;
  /** Unexpected errors: the operation pauses. */
  readonly failed: (error: unknown) => void;
  /**
   * The operation was ended under this lease. Called once, also if its answer was lost at first.
   */
  readonly ended: (record: OperationRecord) => void;
  readonly runOf: (tenure: Tenure) => LeasedRun;
}

export class Tenure {
  readonly id: string;
  readonly #options: TenureOptions;
  readonly #deadlines: RunDeadlines;
  readonly #backoff: Backoff;
  readonly #over = new AbortController();
  readonly #run: LeasedRun;
  #ending: RunEnding | undefined;
  /** Stores the end. It may have done so: the answer is awaited, or was lost. */
  #storeEnd: (() => Promise<OperationRecord>) | undefined;
  #isLeaving = false;
  #isLost = false;
  #wake: () => void = () => {};

  constructor(options: TenureOptions) {
    const { clock, leased, askedMs, runOf } = options;
    this.#options = options;
    this.id = leased.record.id;
    this.#backoff = new Backoff(clock, this.over);
    this.#deadlines = new RunDeadlines({
      ...{ clock, over: this.over },
      expired: () => this.endBy(EXPIRED),
      lapsed: () => this.#run.lapsed?.(),
      passed: () => this.#wake(),
    });
    this.#run = runOf(this);
    this.renewed(leased, askedMs);
  }

  get span(): Span | undefined {
    return this.#options.span;
  }

  /** Aborts when the operation has ended or has been left. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** How the operation will end; undefined while it goes on. */
  get ending(): RunEnding | undefined {
    return this.#ending;
  }

  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /** Another holder has the lease: nothing can be recorded any more. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Nothing that changes something is sent from then on; may change at any time. */
  get sendUntilMs(): number {
    return this.#isLeaving || this.#ending ? -Infinity : this.#deadlines.sendUntilMs;
  }

  get maySend(): boolean {
    return this.#options.clock.now() < this.sendUntilMs;
  }

  /** Until when tasks may be read back. */
  get readUntilMs(): number {
    return this.#deadlines.readUntilMs;
  }

  get isPaused(): boolean {
    return this.#deadlines.isPaused;
  }

  /** Resolves when the operation has ended, or has been left. */
  async run(): Promise<void> {
    while (!this.over.aborted) {
      try {
        // Only repeating the write of the end tells whether it has ended the operation, whatever
        // happened meanwhile.
        await (this.#storeEnd ? this.end(this.#storeEnd) : this.#run.step());
        this.#backoff.succeeded();
      } catch (error) {
        if (error instanceof LeaseLost) {
          this.#storeEnd = undefined;
          this.lose();
        } else await this.backOff(error);
      }
    }
    this.#deadlines.disarm();
    this.#options.span?.end();
  }

  /** The lease was prolonged. `askedMs`: when that was asked for. */
  renewed(leased: Leased, askedMs: number): void {
    this.#deadlines.renewed(leased, askedMs);
    if (leased.record.state === "stopping") this.stop();
    this.#deadlines.arm();
    this.#wake();
  }

  /** `CancelOperation` was called. */
  stop(): void {
    this.endBy(STOPPED);
    this.#run.stopped?.();
  }

  /** Decides how the operation ends, unless that is decided. */
  endBy(ending: RunEnding): void {
    if (this.#ending || this.#isLeaving) return;
    this.#ending = ending;
    this.#run.ending(ending);
    this.#wake();
  }

  /** The last step. `store` is repeated until the store has answered. */
  async end(store: () => Promise<OperationRecord>): Promise<void> {
    this.#storeEnd = store;
    const record = await store();
    this.close();
    this.#options.ended(record);
  }

  /** Gives the operation up: calls that were sent run to their end, and are recorded. */
  leave(): void {
    this.#isLeaving = true;
    this.#run.leaving();
    this.#wake();
  }

  /** Another holder has the lease. */
  lose(): void {
    this.#isLost = true;
    this.leave();
  }

  /** Sends nothing for a while. */
  pause(forMs: number): void {
    this.#deadlines.pause(forMs);
    this.#deadlines.arm();
  }

  /** The operation has ended, or it was left and nothing is under way. No further step is taken. */
  close(): void {
    this.#over.abort();
  }

  /** Ends a wait: something has happened, or there may be room in the queue. */
  wake(): void {
    this.#wake();
  }

  /** Until something happens, or that time. */
  wait(untilMs = Infinity): Promise<void> {
    return new Promise((resolve) => {
      const disarm = untilMs === Infinity ? () => {} : this.#options.clock.at(untilMs, () => this.#wake());
      this.#wake = () => {
        this.#wake = () => {}; // thousands of devices settle at once
        disarm();
        resolve();
      };
    });
  }

  /** Reports the error, and waits before the next attempt. */
  async backOff(error: unknown): Promise<void> {
    this.#options.failed(error);
    await this.#backoff.wait();
  }
}
