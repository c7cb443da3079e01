// One caller's devices awaiting an outcome. Every device ends with one outcome, and the waiter answers exactly once:
// when the last device has its outcome, or when it concludes early with what is known.
import type { Span } from "@opentelemetry/api";
import type { HeapMember } from "../base/heap.js";
import type { Command } from "./command.js";
import { type DeviceMarks, deviceMarks, NO_MARKS } from "./device-marks.js";
import type { Failure } from "./errors.js";

/** What became of a device, and why if something is wrong. Devices with the same outcome share one object. */
export type DeviceOutcome =
  | { readonly kind: "accepted"; readonly unverified?: Failure }
  /** What its task was when it was read back. `unverified`: why a task that was to be read back was not. */
  | { readonly kind: "verified-canceled" | "already-finished" }
  | { readonly kind: "no-task"; readonly unverified?: Failure }
  | { readonly kind: "rejected" | "unknown" | "not-attempted"; readonly failure: Failure };

/** Every outcome, the good ones first. */
export const OUTCOMES = [
  "accepted",
  "verified-canceled",
  "already-finished",
  "no-task",
  "rejected",
  "unknown",
  "not-attempted",
] as const satisfies readonly DeviceOutcome["kind"][];

/** What a caller learns about one upstream call. `durationMs` is absent while the call is under way. */
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

/** What a caller learns in the end. */
export interface Answer {
  /** One per requested device, in the order of the request. */
  readonly outcomes: readonly DeviceOutcome[];
  /** The last call that held the device, as an index into `calls`; -1 for none. */
  readonly callIndexes: Readonly<DeviceMarks>;
  readonly calls: readonly CallRecord[];
  /** How long the waiter waited until the last of its calls was sent. */
  readonly quotaWaitMs: number;
}

/** Neither in a call nor settled. */
const OPEN = 0;
const IN_CALL = 1;
const SETTLED = 2;

const LEFT_IN_CALL: Failure = {
  kind: "unknown",
  reason: "OUTCOME_UNKNOWN",
  message: "sent, and not answered in time",
};

export class Waiter implements HeapMember {
  readonly command: Command;
  readonly arrivedMs: number;
  /** The caller's span, to be linked to the calls that carry its devices. */
  readonly span: Span | undefined;
  readonly answer: Promise<Answer>;
  /** Kept by the heap of deadlines. */
  position = -1;
  #settle: ((answer: Answer) => void) | undefined;
  #unsettled: number;
  #queueEntries: readonly object[] = [];
  #quotaWaitMs = 0;
  readonly #calls: CallRecord[] = [];
  /** Final once a device is settled; until then why it is not, if it was ever sent. */
  #outcomes: DeviceOutcome[] = [];
  // By device, and made when the first one is sent.
  #states = NO_MARKS;
  #attempts = NO_MARKS;
  #callIndexes = NO_MARKS;
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

  /** Kept for the queue, which alone looks into them: a map there would burden the garbage collector (docs/adr/0021). */
  get queueEntries(): readonly object[] {
    return this.#queueEntries;
  }

  keepForQueue(entries: readonly object[]): void {
    this.#queueEntries = entries;
  }

  /** The position of a requested device; `guess` is tried first. */
  indexOf(name: string, guess: number): number {
    const names = this.command.deviceNames;
    if (names[guess] === name) return guess;
    // Needed only for devices that several waiters ask for, so made only then.
    this.#indexes ??= new Map(names.map((each, index) => [each, index]));
    return this.#indexes.get(name) ?? -1;
  }

  /** In how many calls the device at this index has been. */
  attemptsOf(index: number): number {
    return this.#attempts[index] ?? 0;
  }

  /** Notes a call with devices of this waiter in the call. */
  noteSent(indexes: readonly number[], record: CallRecord, nowMs: number): void {
    this.#makeMarks();
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

  /** A call has ended without settling the device. `outcome` is what to say if no other call follows. */
  putBack(index: number, outcome: DeviceOutcome): void {
    if (this.open) this.#note(index, outcome, OPEN);
  }

  /** The device's final outcome. */
  settle(index: number, outcome: DeviceOutcome): void {
    if (!this.open || this.#states[index] === SETTLED) return;
    this.#note(index, outcome, SETTLED);
    if (--this.#unsettled === 0) this.#answer();
  }

  /** Answers now, with what is known. `failure` is the outcome of devices that were never sent. */
  conclude(failure: Failure): void {
    if (!this.open) return;
    this.#makeMarks();
    const unsent: DeviceOutcome = { kind: "not-attempted", failure };
    const inCall: DeviceOutcome = { kind: "unknown", failure: LEFT_IN_CALL };
    for (let index = 0; index < this.#states.length; index++) {
      if (this.#states[index] === IN_CALL) this.#outcomes[index] = inCall;
      else this.#outcomes[index] ??= unsent;
    }
    this.#answer();
  }

  #note(index: number, outcome: DeviceOutcome, state: number): void {
    this.#makeMarks();
    const before = this.#outcomes[index];
    // A later call that was not carried out does not mean that an earlier one was not.
    if (outcome.kind !== "not-attempted" || before?.kind !== "unknown") this.#outcomes[index] = outcome;
    this.#states[index] = state;
  }

  #makeMarks(): void {
    if (this.#states.length > 0) return;
    const devices = this.command.deviceNames.length;
    this.#outcomes = new Array<DeviceOutcome>(devices);
    this.#states = deviceMarks(devices, Uint8Array, OPEN);
    this.#attempts = deviceMarks(devices, Uint8Array, 0);
    this.#callIndexes = deviceMarks(devices, Int32Array, -1);
  }

  #answer(): void {
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
