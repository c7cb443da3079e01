// Runs one leased operation: feeds chunks to the gateway while there is room, records outcomes, and
// ends it. A device that has been recorded is never sent again; a device is sent only if its chunk
// was marked as fed before. While the store is away nothing is fed, and outcomes wait in memory.
import type { Span } from "@opentelemetry/api";
import type { Clock } from "../base/clock.js";
import type { DeviceOutcome } from "../gateway/device-outcome.js";
import type { Gateway } from "../gateway/gateway.js";
import { Backoff } from "./backoff.js";
import type { CancelListSpec } from "./cancel-list.js";
import { type CallerWindows, FeedWindow } from "./feed-window.js";
import { Recording } from "./recording.js";
import { RefusalStreak } from "./refusal-streak.js";
import { RunDeadlines } from "./run-deadlines.js";
import { DONE, EXPIRED, endOf, LEFT, type RunEnding, STOPPED } from "./run-ending.js";
import { type Leased, LeaseLost, type OperationRecord, type OperationStore, StoreUnavailable } from "./store.js";

export interface OperationRunOptions {
  readonly store: OperationStore;
  readonly gateway: Pick<Gateway, "cancel" | "verify" | "leaveVerify" | "expectedMs" | "roomOf" | "condition">;
  readonly clock: Clock;
  readonly leased: Leased;
  /** When the lease was asked for; monotonic. */
  readonly askedMs: number;
  readonly windows: CallerWindows;
  /** Linked to its upstream calls. */
  readonly span: Span | undefined;
  /** Why the caller may not run this now; undefined if it may. Looked at for each chunk. */
  readonly forbidden: (caller: string, spec: CancelListSpec) => string | undefined;
  /** Unexpected errors: the operation pauses. */
  readonly failed: (error: unknown) => void;
  readonly ended: (record: OperationRecord) => void;
}

/** A pause for reasons that only the operator can remove. */
const PAUSE_MS = 30_000;

/** So long outcomes wait for others to share their commit, which costs more than all of them. */
const GATHER_MS = 250;

export class OperationRun {
  readonly id: string;
  readonly #options: OperationRunOptions;
  readonly #spec: CancelListSpec;
  readonly #caller: string;
  readonly #recording: Recording;
  readonly #refusals = new RefusalStreak();
  readonly #window: FeedWindow;
  readonly #deadlines: RunDeadlines;
  #record: OperationRecord;
  #obstacle = "";
  #ending: RunEnding | undefined;
  /** The lease is lost or given up: what is under way runs out, and nothing is written any more. */
  #isLeaving = false;
  #isLost = false;
  /** When the outcomes so far are to be recorded. */
  #recordMs = -Infinity;
  #disarmRecording: () => void = () => {};
  #wake: () => void = () => {};
  readonly #over = new AbortController();
  readonly #backoff: Backoff;

  constructor(options: OperationRunOptions) {
    const { store, clock, gateway, leased, askedMs, windows, span } = options;
    this.#options = options;
    this.id = leased.record.id;
    this.#record = leased.record;
    this.#spec = JSON.parse(leased.record.spec) as CancelListSpec;
    this.#caller = leased.record.caller;
    this.#recording = new Recording(leased.record);
    this.#backoff = new Backoff(clock, this.#over.signal);
    this.#deadlines = new RunDeadlines({
      clock,
      over: this.#over.signal,
      expired: () => this.#endBy(EXPIRED),
      lapsed: () => this.#window.withdraw(LEFT),
      passed: () => this.#wake(),
    });
    this.#window = new FeedWindow({
      ...{ store, lease: leased.lease, gateway, caller: this.#caller, spec: this.#spec, windows, span },
      sendUntilMs: () => this.#sendUntilMs,
      readUntilMs: () => this.#deadlines.readUntilMs,
      added: () => {
        this.#obstacle = "";
        this.#enterQueue();
      },
      sent: (sentWallMs) => this.#recording.sent(sentWallMs),
      settled: (chunk, devices, index, outcome, isProvisional) => {
        if (!this.#isOurFault(outcome)) this.#note(chunk, devices, index, outcome, isProvisional);
        this.#wake();
      },
      left: (chunk, devices, index, outcome) => {
        // Without an end, they are fed again, here or elsewhere.
        if (this.#ending && !this.#isLost) this.#note(chunk, devices, index, outcome, false);
      },
      over: () => this.#wake(),
    });
    this.renewed(leased, askedMs);
  }

  /** Resolves when it has ended, or has been left. */
  async run(): Promise<void> {
    while (!this.#isOver) {
      try {
        await this.#step();
        this.#backoff.succeeded();
      } catch (error) {
        if (error instanceof LeaseLost) this.lose();
        else await this.#backOff(error);
      }
    }
    this.#deadlines.disarm();
    this.#disarmRecording();
    this.#over.abort();
    this.#options.span?.end();
  }

  /** The lease was prolonged. `askedMs`: when that was asked for. */
  renewed(leased: Leased, askedMs: number): void {
    this.#record = leased.record;
    this.#deadlines.renewed(leased, askedMs);
    if (leased.record.state === "stopping") this.stop();
    this.#deadlines.arm();
    this.#wake();
  }

  /** `CancelOperation` was called. */
  stop(): void {
    this.#endBy(STOPPED);
    this.#window.stopReading();
  }

  /** Gives the operation up, and resolves when its sent calls have ended and are recorded. */
  leave(): void {
    this.#isLeaving = true;
    this.#window.withdraw(LEFT);
    this.#window.stopReading();
    this.#wake();
  }

  /** Another holder has the lease. */
  lose(): void {
    this.#isLost = true;
    this.leave();
  }

  /** To be called when there may be room, and now and then. */
  wake(): void {
    this.#wake();
  }

  get #isOver(): boolean {
    if (this.#over.signal.aborted) return true;
    const isDone = this.#window.isEmpty && (this.#recording.isEmpty || this.#isLost);
    return this.#isLeaving && isDone;
  }

  get #sendUntilMs(): number {
    return this.#isLeaving || this.#ending ? -Infinity : this.#deadlines.sendUntilMs;
  }

  async #step(): Promise<void> {
    if (this.#isLost) return this.#change();
    if (this.#isToRecord || this.#hasNews) return this.#store();
    if (this.#ending && this.#window.isEmpty) return this.#end(this.#ending);
    if (this.#window.isWaiting && this.#enterQueue()) return;
    if (this.#mayFeed) return this.#feed();
    return this.#change();
  }

  /** Whether there are outcomes, and nothing to wait for. */
  get #isToRecord(): boolean {
    if (this.#recording.isEmpty) return false;
    const isLast = this.#window.isEmpty || this.#ending !== undefined || this.#isLeaving;
    return isLast || this.#options.clock.now() >= this.#recordMs;
  }

  /** Whether the obstacle is another than the one that is stored. */
  get #hasNews(): boolean {
    return !this.#isLeaving && !this.#ending && this.#obstacleNow !== this.#record.progress.obstacle;
  }

  get #obstacleNow(): string {
    return this.#obstacle || this.#options.gateway.condition().obstacle;
  }

  get #mayFeed(): boolean {
    return this.#options.clock.now() < this.#sendUntilMs && this.#window.hasRoom;
  }

  async #feed(): Promise<void> {
    const why = this.#options.forbidden(this.#caller, this.#spec);
    if (why) return this.#pause(why);
    if (!this.#window.reserve()) return this.#change();
    const fed = await this.#window.feed();
    if (fed === "stopping") this.stop();
    else if (fed === "expired") this.#endBy(EXPIRED);
    else if (fed === "complete") this.#endBy(DONE);
  }

  /** Returns whether any devices got into the queue. */
  #enterQueue(): boolean {
    if (this.#deadlines.isPaused) return false;
    const { isAny, obstacle } = this.#window.enterQueue();
    this.#obstacle = obstacle;
    return isAny;
  }

  #note(chunk: number, devices: number, index: number, outcome: DeviceOutcome, isProvisional: boolean): void {
    if (this.#recording.isEmpty) this.#armRecording();
    this.#recording.note(chunk, devices, index, outcome, isProvisional);
    const failure = this.#refusals.note(outcome);
    if (failure) this.#endBy({ state: "done", failure, unsent: failure });
  }

  #armRecording(): void {
    const { clock } = this.#options;
    this.#recordMs = clock.now() + GATHER_MS;
    this.#disarmRecording();
    this.#disarmRecording = clock.at(this.#recordMs, () => this.#wake());
  }

  /** The gateway's own keys are at fault, which the operator can change: nothing is lost by waiting. */
  #isOurFault(outcome: DeviceOutcome): boolean {
    if (!("failure" in outcome) || outcome.failure.kind !== "internal" || this.#ending) return false;
    this.#pause(`${outcome.failure.message}; the next attempt is made within ${PAUSE_MS / 1000} s`);
    return true;
  }

  #pause(obstacle: string): void {
    if (this.#deadlines.isPaused) return;
    this.#obstacle = obstacle;
    this.#deadlines.pause(PAUSE_MS);
    this.#window.withdraw(LEFT);
    this.#deadlines.arm();
  }

  #endBy(ending: RunEnding): void {
    if (this.#ending || this.#isLeaving) return;
    this.#ending = ending;
    this.#window.withdraw(ending.unsent);
    this.#wake();
  }

  async #store(): Promise<void> {
    const { store, leased, gateway } = this.#options;
    const outcomes = this.#recording.take();
    const others = Math.max(this.#record.waiting - this.#window.devices, 1);
    const progress = {
      calls: this.#recording.calls,
      obstacle: this.#obstacleNow,
      remainingMs: Math.ceil(gateway.expectedMs(this.#caller, this.#spec.priority, others)),
      detail: JSON.stringify(this.#recording.causes),
    };
    for (;;) {
      try {
        this.#record = await store.record(leased.lease, outcomes, progress);
        return;
      } catch (error) {
        if (!(error instanceof StoreUnavailable) || this.#isLost) throw error;
        await this.#backOff(error); // the same again, which does no harm
      }
    }
  }

  async #end(ending: RunEnding): Promise<void> {
    const { store, leased, ended } = this.#options;
    const record = await store.end(leased.lease, endOf(ending, this.#record.counts, this.#recording.causes));
    this.#record = record;
    this.#over.abort();
    ended(record);
  }

  async #backOff(error: unknown): Promise<void> {
    this.#options.failed(error);
    this.#obstacle =
      error instanceof StoreUnavailable ? "the store of operations is away" : "internal error; see the gateway's log";
    await this.#backoff.wait();
    this.#obstacle = "";
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#isOver) resolve();
    });
  }
}
