// Runs one leased operation: feeds chunks to the gateway while there is room, records outcomes, and
// ends it. A device that has been recorded is never sent again; a device is sent only if its chunk
// was marked as fed before. While the store is away nothing is fed, and outcomes wait in memory.
import type { Clock } from "../base/clock.js";
import type { DeviceOutcome } from "../gateway/device-outcome.js";
import type { Failure } from "../gateway/failures.js";
import type { Gateway } from "../gateway/gateway.js";
import type { CancelListSpec } from "./cancel-list.js";
import { type CallerWindows, FeedWindow } from "./feed-window.js";
import { Recording } from "./recording.js";
import { RefusalStreak } from "./refusal-streak.js";
import { DONE, EXPIRED, endOf, LEFT, type RunEnding } from "./run-ending.js";
import { type Leased, type OperationRecord, type OperationStore, StoreUnavailable } from "./store.js";
import type { LeasedRun, Tenure } from "./tenure.js";

export interface CancelListRunOptions {
  readonly store: OperationStore;
  readonly clock: Clock;
  readonly gateway: Pick<Gateway, "cancel" | "verify" | "leaveVerify" | "roomOf" | "monitor">;
  readonly leased: Leased;
  readonly windows: CallerWindows;
  /** Why the caller may not run this now; undefined if it may. Looked at for each chunk. */
  readonly forbidden: (caller: string, spec: CancelListSpec) => string | undefined;
  /** Unexpected errors. */
  readonly failed: (error: unknown) => void;
}

/** A pause for reasons that only the operator can remove. */
const PAUSE_MS = 30_000;

/**
 * From one commit to the next. At ten calls a second each call has a commit of its own; at higher
 * rates they share some, because a commit costs a quarter of the processor time of a call.
 */
const COMMIT_EVERY_MS = 50;

/** How old an estimate of the time that remains may be: making one takes as long as a commit. */
const ESTIMATE_MS = 1000;

export class CancelListRun implements LeasedRun {
  readonly #tenure: Tenure;
  readonly #options: CancelListRunOptions;
  readonly #spec: CancelListSpec;
  readonly #caller: string;
  readonly #recording: Recording;
  readonly #refusals = new RefusalStreak();
  readonly #window: FeedWindow;
  #record: OperationRecord;
  #obstacle = "";
  #remaining = { ms: -1, atMs: -Infinity };
  /** Until then, outcomes wait for others. */
  #commitFromMs = -Infinity;
  /** Something was stored since a chunk was fed. */
  #hasStored = false;

  constructor(tenure: Tenure, options: CancelListRunOptions) {
    const { store, gateway, leased, windows, failed } = options;
    this.#tenure = tenure;
    this.#options = options;
    this.#record = leased.record;
    this.#spec = JSON.parse(leased.record.spec) as CancelListSpec;
    this.#caller = leased.record.caller;
    this.#recording = new Recording(leased.record);
    this.#window = new FeedWindow({
      ...{ store, lease: leased.lease, gateway, caller: this.#caller, spec: this.#spec, windows },
      span: tenure.span,
      sendUntilMs: () => tenure.sendUntilMs,
      readUntilMs: () => tenure.readUntilMs,
      added: () => {
        // An end may have been decided while the store was asked.
        if (this.#unsent) this.#window.withdraw(this.#unsent);
        else this.#enterQueue();
      },
      sent: (sentWallMs) => this.#recording.sent(sentWallMs),
      settled: (chunk, devices, index, outcome, isProvisional) => {
        tenure.wake();
        if (this.#isOurFault(outcome)) return false;
        this.#note(chunk, devices, index, outcome, isProvisional);
        return true;
      },
      left: (chunk, devices, index, outcome) => {
        // Without an end, they are fed again, here or elsewhere.
        if (tenure.ending && !tenure.isLost) this.#note(chunk, devices, index, outcome, false);
      },
      over: () => tenure.wake(),
      failed,
    });
  }

  async step(): Promise<void> {
    const { isLeaving, isLost, ending } = this.#tenure;
    const isRecorded = this.#recording.isEmpty || isLost;
    if (isLeaving && isRecorded && this.#window.isEmpty) return this.#tenure.close();
    if (isLost) return this.#tenure.wait();
    // A slow store always has outcomes to store; without turns, the window would run dry.
    if (this.#hasStored && this.#window.isInRound && this.#mayFeed) return this.#feed();
    if (this.#isStoring && !this.#isGathering) return this.#store();
    if (ending && this.#window.isEmpty) return this.#end(ending);
    if (this.#window.isWaiting && this.#enterQueue()) return;
    if (this.#mayFeed) return this.#feed();
    return this.#wait();
  }

  ending({ unsent }: RunEnding): void {
    this.#window.withdraw(unsent);
  }

  leaving(): void {
    this.#window.withdraw(this.#unsent ?? LEFT);
    this.#window.stopReading();
  }

  stopped(): void {
    this.#window.stopReading();
  }

  lapsed(): void {
    this.#window.withdraw(LEFT);
  }

  /** Whether there is something to store. */
  get #isStoring(): boolean {
    return !this.#recording.isEmpty || this.#hasNews;
  }

  /**
   * Whether that waits for more. A new round must find it stored, or it would send devices again.
   */
  get #isGathering(): boolean {
    const { isLeaving, ending } = this.#tenure;
    return !isLeaving && !ending && this.#window.isInRound && this.#options.clock.now() < this.#commitFromMs;
  }

  /** Whether the obstacle is another than the one that is stored. */
  get #hasNews(): boolean {
    const { isLeaving, ending } = this.#tenure;
    return !isLeaving && !ending && this.#obstacleNow !== this.#record.progress.obstacle;
  }

  get #obstacleNow(): string {
    return this.#obstacle || this.#options.gateway.monitor.condition().obstacle;
  }

  /** Of devices that were not sent and will not be; undefined while they may be. */
  get #unsent(): Failure | undefined {
    const { ending, isLeaving } = this.#tenure;
    return ending?.unsent ?? (isLeaving ? LEFT : undefined);
  }

  get #mayFeed(): boolean {
    return this.#tenure.maySend && this.#window.hasRoom;
  }

  #wait(): Promise<void> {
    return this.#tenure.wait(this.#isStoring ? this.#commitFromMs : Infinity);
  }

  async #feed(): Promise<void> {
    this.#hasStored = false;
    const why = this.#options.forbidden(this.#caller, this.#spec);
    if (why) return this.#pause(why);
    if (!this.#window.reserve()) return this.#isStoring ? this.#store() : this.#tenure.wait();
    const fed = await this.#window.feed();
    if (fed === "stopping") this.#tenure.stop();
    else if (fed === "expired") this.#tenure.endBy(EXPIRED);
    else if (fed === "complete") this.#tenure.endBy(DONE);
  }

  /**
   * Returns whether any devices got into the queue. None do that may not be sent now: nobody would
   * tell the queue when they may.
   */
  #enterQueue(): boolean {
    if (!this.#tenure.maySend) return false;
    const { isAny, obstacle } = this.#window.enterQueue();
    this.#obstacle = obstacle;
    return isAny;
  }

  #note(chunk: number, devices: number, index: number, outcome: DeviceOutcome, isProvisional: boolean): void {
    this.#recording.note(chunk, devices, index, outcome, isProvisional);
    const failure = this.#refusals.note(outcome);
    if (failure) this.#tenure.endBy({ state: "done", failure, unsent: failure });
  }

  /**
   * The gateway's own keys are at fault, which the operator can change: nothing is lost by waiting.
   */
  #isOurFault(outcome: DeviceOutcome): boolean {
    if (!("failure" in outcome) || outcome.failure.kind !== "internal") return false;
    const { message } = outcome.failure;
    if (!this.#tenure.ending) this.#pause(`${message}; the next attempt is made within ${PAUSE_MS / 1000} s`);
    return true;
  }

  #pause(obstacle: string): void {
    if (this.#tenure.isPaused) return;
    this.#obstacle = obstacle;
    this.#tenure.pause(PAUSE_MS);
    this.#window.withdraw(LEFT);
  }

  async #store(): Promise<void> {
    const { store, leased, clock } = this.#options;
    this.#hasStored = true;
    this.#commitFromMs = clock.now() + COMMIT_EVERY_MS;
    const outcomes = this.#recording.take();
    const progress = {
      calls: this.#recording.calls,
      obstacle: this.#obstacleNow,
      remainingMs: this.#remainingMs(),
      detail: JSON.stringify(this.#recording.causes),
    };
    for (;;) {
      try {
        this.#record = await store.record(leased.lease, outcomes, progress);
        return;
      } catch (error) {
        if (!(error instanceof StoreUnavailable) || this.#tenure.isLost) throw error;
        await this.#tenure.backOff(error); // the same again, which does no harm
      }
    }
  }

  #remainingMs(): number {
    const { clock, gateway } = this.#options;
    const nowMs = clock.now();
    if (nowMs - this.#remaining.atMs >= ESTIMATE_MS) {
      const others = Math.max(this.#record.waiting - this.#window.devices, 1);
      const ms = Math.ceil(gateway.monitor.expectedMs(this.#caller, this.#spec.priority, others));
      this.#remaining = { ms, atMs: nowMs };
    }
    return this.#remaining.ms;
  }

  async #end(ending: RunEnding): Promise<void> {
    const { store, leased } = this.#options;
    const end = endOf(ending, this.#record.counts, this.#recording.causes);
    await this.#tenure.end(() => store.end(leased.lease, end));
  }
}
