// Runs one leased operation: feeds chunks to the gateway while there is room, records outcomes, and
// ends it. A device that has been recorded is never sent again; a device is sent only if its chunk
// was marked as fed before. While the store is away nothing is fed, and outcomes wait in memory.
import { type Clock, sleepUntil } from "../base/clock.js";
import { type Failure, GatewayError } from "../gateway/failures.js";
import type { Gateway } from "../gateway/gateway.js";
import type { DeviceOutcome } from "../gateway/waiter.js";
import { type CancelListSpec, commandFor, commonest, outcomeOf } from "./cancel-list.js";
import { failureAt, isFinal, kindOfMark, OPEN } from "./outcomes.js";
import { Piece } from "./piece.js";
import { Recording } from "./recording.js";
import {
  CHUNK_DEVICES,
  type End,
  type FedChunk,
  type Leased,
  LeaseLost,
  type OperationRecord,
  type OperationStore,
  StoreUnavailable,
} from "./store.js";

export interface OperationRunOptions {
  readonly store: OperationStore;
  readonly gateway: Pick<Gateway, "cancel" | "verify" | "leaveVerify" | "expectedMs" | "roomOf" | "condition">;
  readonly clock: Clock;
  readonly leased: Leased;
  /** When the lease was asked for; monotonic. */
  readonly askedMs: number;
  /** Reserves room for devices of this caller among all its operations. */
  readonly windows: {
    take(caller: string, devices: number): boolean;
    give(caller: string, devices: number): void;
  };
  /** Why the caller may not run this now; undefined if it may. Looked at for each chunk. */
  readonly forbidden: (caller: string, spec: CancelListSpec) => string | undefined;
  /** Unexpected errors: the operation pauses. */
  readonly failed: (error: unknown) => void;
  readonly ended: (record: OperationRecord) => void;
}

/** Devices of one operation that are on their way at once: ten seconds' worth at the full rate. */
export const WINDOW_DEVICES = 20_000;

/** So long before the lease may go to another, nothing is taken on board any more. */
const LEASE_MARGIN_MS = 5000;

/** From the cut of a batch to the network. */
const SEND_MARGIN_MS = 100;

/** How long tasks may be read back after the time to live. */
export const READING_GRACE_MS = 60_000;

/** Consecutive refusals of the whole request that end the operation. */
const MOST_REFUSALS = 3;

/** A pause for reasons that only the operator can remove. */
const PAUSE_MS = 30_000;

const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 4000;

const LEFT: Failure = { kind: "aborted", message: "the operation is continued elsewhere or later" };
const STOPPED: Ending = {
  state: "stopped",
  failure: { kind: "stopped", message: "the operation was stopped by its caller or an operator" },
  unsent: { kind: "stopped", message: "the operation was stopped before the device was sent" },
};
const EXPIRED: Ending = {
  state: "expired",
  failure: { kind: "expired", message: "the time to live passed before every device was sent" },
  unsent: { kind: "expired", message: "the operation expired before the device was sent" },
};
/** Every device has its outcome. */
const DONE: Ending = { state: "done", failure: undefined, unsent: LEFT };
const MAYBE_SENT: Failure = {
  kind: "unknown",
  reason: "OUTCOME_UNKNOWN",
  message: "it may have been sent: the gateway ended before the outcome was recorded",
};

interface Ending {
  readonly state: End["state"];
  /** Of the operation; undefined if its devices decide. */
  readonly failure: Failure | undefined;
  /** Of devices that were not sent. */
  readonly unsent: Failure;
}

export class OperationRun {
  readonly id: string;
  readonly #options: OperationRunOptions;
  readonly #spec: CancelListSpec;
  readonly #caller: string;
  readonly #recording: Recording;
  readonly #pieces = new Set<Piece>();
  /** Pieces of a chunk that was fed, and that the queue has no room for yet. */
  #waiting: Piece[] = [];
  #record: OperationRecord;
  #expireMs = Infinity;
  #leaseUntilMs = 0;
  #disarm: () => void = () => {};
  /** The last chunk that was fed in this round. */
  #after = -1;
  /** The round has come to the end of the list. */
  #isRoundOver = false;
  #pausedUntilMs = -Infinity;
  #obstacle = "";
  #ending: Ending | undefined;
  /** The lease is lost or given up: what is under way runs out, and nothing is written any more. */
  #isLeaving = false;
  #isLost = false;
  readonly #refusals = new Set<string>();
  #backoffMs = FIRST_BACKOFF_MS;
  #wake: () => void = () => {};
  readonly #over = new AbortController();

  constructor(options: OperationRunOptions) {
    const { leased, askedMs } = options;
    this.#options = options;
    this.id = leased.record.id;
    this.#record = leased.record;
    this.#spec = JSON.parse(leased.record.spec) as CancelListSpec;
    this.#caller = leased.record.caller;
    this.#recording = new Recording(leased.record);
    this.renewed(leased, askedMs);
  }

  /** Resolves when it has ended, or has been left. */
  async run(): Promise<void> {
    while (!this.#isOver) {
      try {
        await this.#step();
        this.#backoffMs = FIRST_BACKOFF_MS;
      } catch (error) {
        if (error instanceof LeaseLost) this.lose();
        else await this.#backOff(error);
      }
    }
    this.#disarm();
    this.#over.abort();
  }

  /** The lease was prolonged. `askedMs`: when that was asked for. */
  renewed({ record, nowMs, untilMs }: Leased, askedMs: number): void {
    this.#record = record;
    // The earliest of all estimates, because the store's clock may stand still or be set back.
    this.#expireMs = Math.min(this.#expireMs, askedMs + record.expireMs - nowMs);
    this.#leaseUntilMs = askedMs + untilMs - nowMs;
    if (record.state === "stopping") this.stop();
    this.#arm();
    this.#wake();
  }

  /** `CancelOperation` was called. */
  stop(): void {
    this.#endBy(STOPPED);
    for (const piece of this.#pieces) piece.stopReading();
  }

  /** Gives the operation up, and resolves when its sent calls have ended and are recorded. */
  leave(): void {
    this.#isLeaving = true;
    this.#withdraw(LEFT);
    for (const piece of this.#pieces) piece.stopReading();
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
    const isDone = this.#pieces.size === 0 && (this.#recording.isEmpty || this.#isLost);
    return this.#isLeaving && isDone;
  }

  get #sendUntilMs(): number {
    if (this.#isLeaving || this.#ending || this.#isPaused) return -Infinity;
    return Math.min(this.#expireMs - SEND_MARGIN_MS, this.#leaseUntilMs - LEASE_MARGIN_MS);
  }

  get #isPaused(): boolean {
    return this.#options.clock.now() < this.#pausedUntilMs;
  }

  async #step(): Promise<void> {
    if (this.#isLost) return this.#change();
    if (!this.#recording.isEmpty || this.#hasNews) return this.#store();
    if (this.#ending && this.#pieces.size === 0) return this.#end(this.#ending);
    if (this.#waiting.length > 0 && this.#enterQueue()) return;
    if (this.#mayFeed) return this.#feed();
    return this.#change();
  }

  /** Whether the obstacle is another than the one that is stored. */
  get #hasNews(): boolean {
    return !this.#isLeaving && !this.#ending && this.#obstacleNow !== this.#record.progress.obstacle;
  }

  get #obstacleNow(): string {
    return this.#obstacle || this.#options.gateway.condition().obstacle;
  }

  get #mayFeed(): boolean {
    if (this.#ending || this.#isLeaving || this.#waiting.length > 0) return false;
    if (this.#isRoundOver && this.#pieces.size > 0) return false;
    return this.#options.clock.now() < this.#sendUntilMs && this.#hasRoom();
  }

  #hasRoom(): boolean {
    const inWindow = [...this.#pieces].reduce((sum, { devices }) => sum + devices, 0);
    return (
      inWindow === 0 || inWindow + CHUNK_DEVICES <= Math.min(WINDOW_DEVICES, this.#options.gateway.roomOf(this.#caller))
    );
  }

  async #feed(): Promise<void> {
    const { store, leased, windows, forbidden } = this.#options;
    const why = forbidden(this.#caller, this.#spec);
    if (why) return this.#pause(why);
    if (!windows.take(this.#caller, CHUNK_DEVICES)) return this.#change();
    let fed: FedChunk | undefined;
    try {
      // A chunk that was put back is found again only in a new round.
      if (this.#isRoundOver) this.#after = -1;
      const isNewRound = this.#after === -1;
      const feeding = await store.feed(leased.lease, this.#after);
      this.#isRoundOver = feeding === "none";
      if (feeding === "stopping") this.stop();
      else if (feeding === "expired") this.#expire();
      else if (feeding === "none") {
        if (isNewRound && this.#pieces.size === 0) this.#endBy(DONE);
      } else fed = feeding;
    } finally {
      const devices = fed ? this.#makePieces(fed) : 0;
      windows.give(this.#caller, CHUNK_DEVICES - devices);
    }
  }

  /** Returns the number of their devices. */
  #makePieces(fed: FedChunk): number {
    this.#after = fed.chunk;
    this.#obstacle = "";
    const { marks } = fed.outcomes;
    const unsent = [...marks.keys()].filter((index) => marks[index] === OPEN);
    const unread = [...marks.keys()].filter((index) => marks[index] !== OPEN && !isFinal(marks[index] as number));
    const most = Math.max(Math.min(this.#options.gateway.roomOf(this.#caller), CHUNK_DEVICES), 1);
    for (let from = 0; from < unsent.length; from += most) this.#makePiece(fed, unsent.slice(from, from + most));
    if (unread.length > 0) {
      const outcomes = unread.map((index) =>
        outcomeOf(kindOfMark(marks[index] as number), failureAt(fed.outcomes, index)),
      );
      this.#makePiece(fed, unread, outcomes);
    }
    this.#enterQueue();
    return unsent.length + unread.length;
  }

  #makePiece({ chunk, names }: FedChunk, indexes: readonly number[], carriedOut?: readonly DeviceOutcome[]): void {
    const { gateway } = this.#options;
    const deviceNames = indexes.map((index) => names[index] as string);
    const piece = new Piece({
      gateway,
      command: commandFor(this.#spec, this.#caller, deviceNames),
      indexes,
      chunk,
      ...(this.#spec.verify && { verifyUntilMs: this.#expireMs + READING_GRACE_MS }),
      ...(carriedOut && { carriedOut }),
      sendUntilMs: () => this.#sendUntilMs,
      sent: (sentWallMs) => this.#recording.sent(sentWallMs),
      settled: (_, index, outcome, isProvisional) => {
        if (!this.#isOurFault(outcome)) this.#note(chunk, names.length, index, outcome, isProvisional);
        this.#wake();
      },
      over: (_, left) => {
        this.#pieces.delete(piece);
        // Without an end, they are fed again, here or elsewhere.
        if (this.#ending && !this.#isLost) {
          for (const [index, outcome] of left) this.#note(chunk, names.length, index, outcome, false);
        }
        this.#options.windows.give(this.#caller, piece.devices);
        this.#wake();
      },
    });
    this.#waiting.push(piece);
    this.#pieces.add(piece);
  }

  /** Lets pieces into the queue as far as there is room. Returns whether any got in. */
  #enterQueue(): boolean {
    if (this.#isPaused) return false;
    let isAny = false;
    for (let piece = this.#waiting[0]; piece; piece = this.#waiting[0]) {
      try {
        piece.start();
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        if (error.failure.kind === "invalid") this.#withdraw(LEFT); // the caller's bound was lowered: cut again
        this.#obstacle = error.message;
        return isAny;
      }
      this.#waiting.shift();
      isAny = true;
    }
    this.#obstacle = "";
    return isAny;
  }

  #note(chunk: number, devices: number, index: number, outcome: DeviceOutcome, isProvisional: boolean): void {
    this.#recording.note(chunk, devices, index, outcome, isProvisional);
    this.#noteRefusal(outcome);
  }

  /** Three calls in a row that were refused as a whole say that all others would be. */
  #noteRefusal(outcome: DeviceOutcome): void {
    if (outcome.kind === "accepted") this.#refusals.clear();
    if (outcome.kind !== "rejected" || this.#ending) return;
    const { failure } = outcome;
    if (failure.kind !== "rejected" || !failure.requestWide) return;
    this.#refusals.add(failure.upstream?.requestId ?? "");
    if (this.#refusals.size >= MOST_REFUSALS) this.#endBy({ state: "done", failure, unsent: failure });
  }

  /** The gateway's own keys are at fault, which the operator can change: nothing is lost by waiting. */
  #isOurFault(outcome: DeviceOutcome): boolean {
    if (!("failure" in outcome) || outcome.failure.kind !== "internal" || this.#ending) return false;
    this.#pause(`${outcome.failure.message}; the next attempt is made within ${PAUSE_MS / 1000} s`);
    return true;
  }

  #pause(obstacle: string): void {
    if (this.#isPaused) return;
    this.#obstacle = obstacle;
    this.#pausedUntilMs = this.#options.clock.now() + PAUSE_MS;
    this.#withdraw(LEFT);
    this.#arm();
  }

  #endBy(ending: Ending): void {
    if (this.#ending || this.#isLeaving) return;
    this.#ending = ending;
    this.#withdraw(ending.unsent);
    this.#wake();
  }

  #expire(): void {
    this.#endBy(EXPIRED);
  }

  /** Takes everything out of the queue that is not in a call. */
  #withdraw(failure: Failure): void {
    const unsent = this.#waiting;
    this.#waiting = [];
    for (const piece of unsent) {
      this.#pieces.delete(piece);
      this.#options.windows.give(this.#caller, piece.devices);
    }
    for (const piece of this.#pieces) piece.withdraw(failure);
    this.#after = -1;
    this.#isRoundOver = true; // what was put back is fed again when the rest is over
  }

  /** Carries out what is due, and sets the timer to the next moment at which something is over. */
  #arm(): void {
    const { clock } = this.#options;
    this.#disarm();
    const nowMs = clock.now();
    const lapseMs = this.#leaseUntilMs - LEASE_MARGIN_MS;
    if (nowMs >= this.#expireMs) this.#expire();
    else if (nowMs >= lapseMs) this.#withdraw(LEFT);
    const nextMs = Math.min(...[this.#expireMs, lapseMs, this.#pausedUntilMs].filter((each) => each > nowMs));
    if (nextMs === Infinity || this.#over.signal.aborted) return;
    this.#disarm = clock.at(nextMs, () => {
      this.#arm();
      this.#wake();
    });
  }

  async #store(): Promise<void> {
    const { store, leased, gateway } = this.#options;
    const outcomes = this.#recording.take();
    const inWindow = [...this.#pieces].reduce((sum, { devices }) => sum + devices, 0);
    const others = Math.max(this.#record.waiting - inWindow, 1);
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

  async #end({ state, failure, unsent }: Ending): Promise<void> {
    const { store, leased, ended } = this.#options;
    const isWell = this.#record.counts.slice(0, WELL_OUTCOMES).some((devices) => devices > 0);
    const cause = failure ?? commonest(this.#recording.causes);
    const isError = state !== "done" || !isWell;
    const record = await store.end(leased.lease, {
      state,
      failure: isError && cause ? JSON.stringify(cause) : "",
      sent: JSON.stringify(MAYBE_SENT),
      unsent: JSON.stringify(unsent),
    });
    this.#record = record;
    this.#over.abort();
    ended(record);
  }

  async #backOff(error: unknown): Promise<void> {
    const { clock, failed } = this.#options;
    failed(error);
    this.#obstacle =
      error instanceof StoreUnavailable ? "the store of operations is away" : "internal error; see the gateway's log";
    const untilMs = clock.now() + this.#backoffMs;
    this.#backoffMs = Math.min(2 * this.#backoffMs, LONGEST_BACKOFF_MS);
    await sleepUntil(clock, untilMs, this.#over.signal).catch(() => {});
    this.#obstacle = "";
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#isOver) resolve();
    });
  }
}

/** The first of OUTCOMES are good ones. */
const WELL_OUTCOMES = 4;
