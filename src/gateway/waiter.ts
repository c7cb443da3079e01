// One caller's devices awaiting an outcome. Every device ends with one outcome, and the waiter settles
// exactly once: when the last device has its outcome, or when it concludes early and says what is known.
import type { Span } from "@opentelemetry/api";
import type { HeapMember } from "../base/heap.js";
import type { Command } from "./command.js";
import type { Failure } from "./errors.js";
import type { QueueEntry } from "./queue/queue-entry.js";

/** What became of a device, and why if it is not well. One object serves all devices it holds for. */
export type DeviceOutcome =
  | { readonly kind: "accepted"; readonly unverified?: Failure }
  /** What its task was when it was read back. `unverified`: what could not be told of a task that was to be read. */
  | { readonly kind: "verified-canceled" | "already-finished" }
  | { readonly kind: "no-task"; readonly unverified?: Failure }
  | { readonly kind: "rejected" | "unknown" | "not-attempted"; readonly failure: Failure };

/** Every outcome: the good ones first. */
export const OUTCOMES = [
  "accepted",
  "verified-canceled",
  "already-finished",
  "no-task",
  "rejected",
  "unknown",
  "not-attempted",
] as const satisfies readonly DeviceOutcome["kind"][];

/** What a caller is told about one upstream call. `durationMs` is absent while it is under way. */
export interface CallRecord {
  readonly sentWallMs: number;
  deviceCount: number;
  attempts: number;
  success: boolean;
  requestId: string;
  code: string;
  message: string;
  durationMs?: number;
}

/** What a caller is told in the end. */
export interface Answer {
  /** One per requested device, in the order of the request. */
  readonly outcomes: readonly DeviceOutcome[];
  /** Into `calls`, the last call that held the device; -1 for none. */
  readonly callIndexes: readonly number[] | Int32Array;
  readonly calls: readonly CallRecord[];
  /** The longest that a call of this waiter had to wait before it was sent. */
  readonly quotaWaitMs: number;
}

/** Of many devices in as few bytes as will do; a typed array for a few costs more than it saves. */
type Bytes = Uint8Array | number[];
type Indexes = Int32Array | number[];
const FEW = 8;

const NONE: number[] = [];

const WAITING = 0;
const IN_CALL = 1;
const SETTLED = 2;

const LEFT_IN_CALL: Failure = {
  kind: "unknown",
  reason: "OUTCOME_UNKNOWN",
  message: "sent, and not answered in time",
};

const NO_ENTRIES: readonly QueueEntry[] = [];

export class Waiter implements HeapMember {
  readonly command: Command;
  readonly arrivedMs: number;
  /** The caller's span, to be linked to the calls that carry its devices. */
  readonly span: Span | undefined;
  readonly answer: Promise<Answer>;
  /** Where its devices wait, kept by the queue; in more than one scope queue while they are being told apart. */
  entries = NO_ENTRIES;
  position = -1;
  #settle: ((answer: Answer) => void) | undefined;
  #unsettled: number;
  #quotaWaitMs = 0;
  readonly #calls: CallRecord[] = [];
  /** Final once SETTLED; until then why the device is not settled yet, if it was ever sent. */
  #outcomes: DeviceOutcome[] = [];
  // Made when the first device is sent: a million waiting devices should cost little more than their names.
  #states: Bytes = NONE;
  #attempts: Bytes = NONE;
  #callIndexes: Indexes = NONE;
  #indexes: Map<string, number> | undefined;

  constructor(command: Command, arrivedMs: number, span?: Span) {
    this.command = command;
    this.arrivedMs = arrivedMs;
    this.span = span;
    this.#unsettled = command.deviceNames.length;
    this.answer = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** False once it has been answered; nothing changes any more. */
  get open(): boolean {
    return this.#settle !== undefined;
  }

  /** Whether the device at this index waits to be sent. */
  isWaiting(index: number): boolean {
    return this.open && (this.#states[index] ?? WAITING) === WAITING;
  }

  /** The position of a requested device; `guess` is tried first. */
  indexOf(name: string, guess: number): number {
    const names = this.command.deviceNames;
    if (names[guess] === name) return guess;
    // Only needed for devices that several waiters ask for, so only made then.
    this.#indexes ??= new Map(names.map((each, index) => [each, index]));
    return this.#indexes.get(name) ?? -1;
  }

  /** In how many calls the device at this index has been. */
  attemptsOf(index: number): number {
    return this.#attempts[index] ?? 0;
  }

  /** Notes a call with devices of this waiter in the call. */
  noteSent(indexes: readonly number[], record: CallRecord, nowMs: number): void {
    if (this.#states.length === 0) this.#allocate();
    this.#quotaWaitMs = Math.max(this.#quotaWaitMs, nowMs - this.arrivedMs);
    const callIndex = this.#calls.push(record) - 1;
    record.deviceCount = indexes.length;
    for (const index of indexes) {
      this.#states[index] = IN_CALL;
      this.#callIndexes[index] = callIndex;
      this.#attempts[index] = Math.min(this.attemptsOf(index) + 1, 255);
      record.attempts = Math.max(record.attempts, this.attemptsOf(index));
    }
  }

  /** Back to waiting after a call that did not settle it; `outcome` is what to say if there is no other call. */
  putBack(index: number, outcome: DeviceOutcome): void {
    if (!this.open) return;
    this.#outcomes[index] = this.#knowing(index, outcome);
    this.#states[index] = WAITING;
  }

  /** The device's final outcome. */
  settle(index: number, outcome: DeviceOutcome): void {
    if (!this.open || this.#states[index] === SETTLED) return;
    if (this.#states.length === 0) this.#allocate();
    this.#outcomes[index] = this.#knowing(index, outcome);
    this.#states[index] = SETTLED;
    if (--this.#unsettled === 0) this.#tell();
  }

  /** Answers now, with what is known. `failure` is the outcome of what was never sent. */
  conclude(failure: Failure): void {
    if (!this.open) return;
    if (this.#states.length === 0) this.#allocate();
    const unsent: DeviceOutcome = { kind: "not-attempted", failure };
    const inCall: DeviceOutcome = { kind: "unknown", failure: LEFT_IN_CALL };
    for (let index = 0; index < this.#states.length; index++) {
      if (this.#states[index] === IN_CALL) this.#outcomes[index] = inCall;
      else this.#outcomes[index] ??= unsent;
    }
    this.#tell();
  }

  /** A later call that was not carried out does not unsay that an earlier one may have been. */
  #knowing(index: number, outcome: DeviceOutcome): DeviceOutcome {
    const before = this.#outcomes[index];
    return outcome.kind === "not-attempted" && before?.kind === "unknown" ? before : outcome;
  }

  #allocate(): void {
    const length = this.command.deviceNames.length;
    this.#outcomes = new Array<DeviceOutcome>(length);
    const few = length <= FEW;
    this.#states = few ? new Array<number>(length).fill(WAITING) : new Uint8Array(length);
    this.#attempts = few ? new Array<number>(length).fill(0) : new Uint8Array(length);
    this.#callIndexes = few ? new Array<number>(length).fill(-1) : new Int32Array(length).fill(-1);
  }

  #tell(): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.({
      outcomes: this.#outcomes,
      callIndexes: this.#callIndexes,
      calls: this.#calls,
      quotaWaitMs: this.#quotaWaitMs,
    });
  }
}
