// A batch that was sent: its waiters with their devices, and what each waiter is given of the
// result. A caller never learns other callers' devices, not even from the upstream's error message.
import type { SentCall } from "../call-observer.js";
import type { DeviceOutcome } from "../device-outcome.js";
import { countByCaller } from "../queue/batch.js";
import type { Batch } from "../queue/queue.js";
import type { CallEnd } from "../upstream.js";
import type { CallRecord, Waiter } from "../waiter.js";
import { redactDevices } from "./device-redaction.js";

/** One waiter's part of a call. */
interface Part {
  readonly indexes: number[];
  readonly record: CallRecord;
}

export class SentBatch {
  readonly batch: Batch;
  /** All waiters in the call. */
  readonly waiters: readonly Waiter[];
  readonly #parts = new Map<Waiter, Part>();

  /** Records the call with all its waiters. */
  constructor(batch: Batch, nowMs: number, wallMs: number) {
    this.batch = batch;
    for (const { owners } of batch.devices) {
      for (const { waiter, index } of owners) {
        const part = this.#parts.get(waiter);
        if (part) part.indexes.push(index);
        else this.#parts.set(waiter, { indexes: [index], record: newRecord(wallMs) });
      }
    }
    for (const [waiter, { indexes, record }] of this.#parts) waiter.noteSent(indexes, record, nowMs);
    this.waiters = [...this.#parts.keys()];
  }

  /** The attempt number: the largest of the devices in the call. */
  get attempt(): number {
    let attempt = 0;
    for (const { record } of this.#parts.values()) attempt = Math.max(attempt, record.attempts);
    return attempt;
  }

  /** The arrival of the earliest waiter. */
  get waitingSinceMs(): number {
    return this.waiters.reduce((sinceMs, { arrivedMs }) => Math.min(sinceMs, arrivedMs), Infinity);
  }

  /** Describes the call for observers. `sentMs` was read before the token was notified. */
  sentCall(sentMs: number, sentWallMs: number): SentCall {
    const { productKey, firmwareId, jobId } = this.batch.scopeQueue.scope;
    return {
      sentMs,
      sentWallMs,
      productKey,
      firmwareId,
      jobId,
      devices: this.batch.devices.length,
      devicesByCaller: countByCaller(this.batch.devices),
      attempt: this.attempt,
      tokenWaitMs: Math.round(sentMs - this.waitingSinceMs),
    };
  }

  /** Completes the record of the call for each waiter. To be called before the devices settle. */
  complete(end: CallEnd, durationMs: number): void {
    const message = end.kind === "refused" ? end.refusal.message : "";
    const named =
      message === "" ? [] : this.batch.devices.map(({ name }) => name).filter((name) => message.includes(name));
    for (const [{ command }, { indexes, record }] of this.#parts) {
      record.durationMs = durationMs;
      record.success = end.kind === "accepted";
      if ("requestId" in end) record.requestId = end.requestId;
      if (end.kind === "lost" || (end.kind === "unwritten" && !end.ours)) record.message = end.message;
      if (end.kind === "refused" && end.refusal.reaction.kind !== "internal") {
        record.code = end.refusal.code;
        const own = indexes.map((index) => command.deviceNames[index] as string);
        record.message = redactDevices(message, named, new Set(own));
      }
    }
  }

  /** Gives this outcome to every device of every waiter. */
  settle(outcome: DeviceOutcome): void {
    for (const [waiter, { indexes }] of this.#parts) for (const index of indexes) waiter.settle(index, outcome);
  }

  /** Makes every device of every waiter wait again. */
  release(outcome: DeviceOutcome): void {
    for (const [waiter, { indexes }] of this.#parts) for (const index of indexes) waiter.putBack(index, outcome);
  }
}

function newRecord(sentWallMs: number): CallRecord {
  return { sentWallMs, deviceCount: 0, attempts: 0, success: false, requestId: "", code: "", message: "" };
}
