// The devices of one request that wait for their outcomes. Each device gets exactly one final
// outcome, and the waiter answers exactly once: when its last device is settled, or earlier with
// what is known.
import type { Span } from "@opentelemetry/api";
import type { HeapMember } from "../base/heap.js";
import type { Command } from "./command.js";
import { type DeviceMarks, deviceMarks, NO_MARKS } from "./device-marks.js";
import type { DeviceOutcome } from "./device-outcome.js";
import type { Failure } from "./failures.js";
import type { Follower } from "./follower.js";

/**
 * One upstream call, as reported to a caller. `durationMs` is absent while the call is in flight.
 */
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

/**
 * With more records than that, those of calls that were the last for no device are dropped now and
 * then: a request without a deadline may be sent again for days, and a client must be able to
 * receive its answer.
 */
const MANY_CALLS = 1000;

/** The final answer to a request. */
export interface Answer {
  /** One for each requested device, in the order of the request. */
  readonly outcomes: readonly DeviceOutcome[];
  /** For each device, the index in `calls` of its last call; -1 for none. */
  readonly callIndexes: Readonly<DeviceMarks>;
  /** Of more than MANY_CALLS, at least the last one of each device. */
  readonly calls: readonly CallRecord[];
  /** The time from arrival until the last of its calls was sent. */
  readonly quotaWaitMs: number;
}

/** Neither in a call nor settled. */
const OPEN = 0;
const IN_CALL = 1;
const SETTLED = 2;

const LEFT_IN_CALL: Failure = {
  kind: "unknown",
  reason: "OUTCOME_UNKNOWN",
  message: "sent, but not answered in time",
};

export class Waiter implements HeapMember {
  readonly command: Command;
  readonly arrivedMs: number;
  /** The caller's span; linked to the calls that carry its devices. */
  readonly span: Span | undefined;
  /** Undefined for a request of a caller that waits for it. */
  readonly follower: Follower | undefined;
  readonly answer: Promise<Answer>;
  /** Maintained by the heap of deadlines. */
  position = -1;
  #settle: ((answer: Answer) => void) | undefined;
  #unsettled: number;
  #queueEntries: readonly object[] = [];
  #quotaWaitMs = 0;
  #calls: CallRecord[] = [];
  #mostCalls = MANY_CALLS;
  /**
   * Final for settled devices. For others, why the last call did not settle them, if there was one.
   */
  #outcomes: DeviceOutcome[] = [];
  // One number per device, allocated when the first device is sent.
  #states = NO_MARKS;
  #attempts = NO_MARKS;
  #callIndexes = NO_MARKS;
  #indexes: Map<string, number> | undefined;
  /** Whether its devices are not to be sent any more. */
  #isWithdrawn = false;

  constructor(command: Command, arrivedMs: number, span?: Span, follower?: Follower) {
    this.command = command;
    this.arrivedMs = arrivedMs;
    this.span = span;
    this.follower = follower;
    this.#unsettled = command.deviceNames.length;
    this.answer = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** False once it has been answered; nothing changes after that. */
  get open(): boolean {
    return this.#settle !== undefined;
  }

  /**
   * Owned by the queue; no other code looks into them. A map in the queue would burden the garbage
   * collector (docs/adr/0021).
   */
  get queueEntries(): readonly object[] {
    return this.#queueEntries;
  }

  keepForQueue(entries: readonly object[]): void {
    this.#queueEntries = entries;
  }

  /** Whether the device at this index still has to be sent, once it is in no call. */
  mayBeSent(index: number): boolean {
    return this.open && this.#states[index] !== SETTLED;
  }

  /** The index of a requested device. `guess` is tried first. */
  indexOf(name: string, guess: number): number {
    const names = this.command.deviceNames;
    if (names[guess] === name) return guess;
    // Built on demand, because only devices requested by several waiters need it.
    this.#indexes ??= new Map(names.map((each, index) => [each, index]));
    return this.#indexes.get(name) ?? -1;
  }

  /** The number of calls that the device at this index has been in. */
  attemptsOf(index: number): number {
    return this.#attempts[index] ?? 0;
  }

  /** Records a call with devices of this waiter. */
  noteSent(indexes: readonly number[], record: CallRecord, nowMs: number): void {
    this.#makeMarks();
    this.#quotaWaitMs = Math.max(this.#quotaWaitMs, nowMs - this.arrivedMs);
    if (this.#calls.length >= this.#mostCalls) this.#dropCalls();
    const callIndex = this.#calls.push(record) - 1;
    this.follower?.sent(record.sentWallMs);
    record.deviceCount = indexes.length;
    for (const index of indexes) {
      this.#states[index] = IN_CALL;
      this.#callIndexes[index] = callIndex;
      this.#attempts[index] = Math.min(this.attemptsOf(index) + 1, 255);
      record.attempts = Math.max(record.attempts, this.attemptsOf(index));
    }
  }

  /** Makes the device wait again after a call. `outcome` is reported if no further call is made. */
  putBack(index: number, outcome: DeviceOutcome): void {
    if (this.#isWithdrawn) this.#giveUp(index, outcome);
    else if (this.open) this.#note(index, outcome, OPEN);
  }

  /** Sets the device's final outcome. */
  settle(index: number, outcome: DeviceOutcome): void {
    if (!this.open || this.#states[index] === SETTLED) return;
    this.#note(index, outcome, SETTLED);
    this.follower?.settled(index, outcome);
    if (--this.#unsettled === 0) this.#answer();
  }

  /**
   * Sends nothing more: settles the devices that are in no call, those that were never sent with
   * `failure`. Answers when the calls under way have ended.
   */
  withdraw(failure: Failure): void {
    if (!this.open || this.#isWithdrawn) return;
    this.#isWithdrawn = true;
    this.#makeMarks();
    const unsent: DeviceOutcome = { kind: "not-attempted", failure };
    for (let index = 0; index < this.#states.length; index++) {
      if (this.#states[index] !== OPEN) continue;
      this.#outcomes[index] ??= unsent;
      this.#states[index] = SETTLED;
      this.#unsettled--;
    }
    if (this.#unsettled === 0) this.#answer();
  }

  /** Answers now with what is known. Devices that were never sent get `failure`. */
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

  /** Its call did not settle it, and no other will: to a follower it is left, and not settled. */
  #giveUp(index: number, outcome: DeviceOutcome): void {
    if (!this.open || this.#states[index] === SETTLED) return;
    this.#note(index, outcome, SETTLED);
    if (--this.#unsettled === 0) this.#answer();
  }

  /** Drops the records of calls that were the last for no device. */
  #dropCalls(): void {
    const kept = [...new Set(this.#callIndexes)].filter((index) => index >= 0).sort((a, b) => a - b);
    const moved = new Map(kept.map((index, nth) => [index, nth]));
    for (const [device, index] of this.#callIndexes.entries()) this.#callIndexes[device] = moved.get(index) ?? -1;
    this.#calls = kept.map((index) => this.#calls[index] as CallRecord);
    this.#mostCalls = Math.max(MANY_CALLS, 2 * kept.length);
  }

  #note(index: number, outcome: DeviceOutcome, state: number): void {
    this.#makeMarks();
    const before = this.#outcomes[index];
    // An earlier call may have been carried out, even if a later one was not.
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
