// The loop of one reading operation: each call takes devices from the queue; its end informs their
// requests or puts the devices back. It shares neither tokens nor queue with the cancels, so that
// reading back never delays a cancel (ADR 12).
import { CallLoop, type SentWork } from "../gateway/call/call-loop.js";
import type { ReportOptions } from "../gateway/call/call-report.js";
import { consequence } from "../gateway/call/consequence.js";
import type { SentCall } from "../gateway/call-observer.js";
import type { Limiter, Wish } from "../gateway/limiter.js";
import type { CallEnd } from "../gateway/upstream.js";
import { isDeviceFault, tellAll, tellTasks, unreadBy } from "./read-end.js";
import { type ReadBatch, ReadQueue } from "./read-queue.js";
import type { ReadOrigin, ReadRequest } from "./read-request.js";
import type { ReadEnd, TaskReader } from "./task-reader.js";

export interface ReadLoopOptions extends ReportOptions {
  /** Used by this operation only. */
  readonly limiter: Limiter;
  readonly reader: TaskReader;
}

/** The maximum number of unsuccessful calls for a device. */
const MOST_ATTEMPTS = 5;

/** The wait before the devices of a failed call are read again. */
const READ_AGAIN_MS = 1000;

/** Reads have no priority classes and always follow pacing. */
const WISH: Wish = { priority: "normal", newcomer: false };

export class ReadLoop {
  readonly #limiter: Limiter;
  readonly #queue: ReadQueue;
  readonly #loop: CallLoop<ReadBatch, SentRead, ReadEnd>;

  constructor(options: ReadLoopOptions) {
    const { limiter, reader } = options;
    this.#limiter = limiter;
    this.#queue = new ReadQueue(reader.room);
    this.#loop = new CallLoop({
      ...options,
      wish: () => (this.#queue.isEmpty ? undefined : WISH),
      cut: () => this.#queue.cut(),
      putBack: ({ scope, devices }) => this.#queue.putBack(scope, devices),
      begin: (batch) => new SentRead(batch),
      send: ({ scope, devices }, sentMs) =>
        reader.read(
          scope,
          devices.map(({ name }) => name),
          sentMs,
        ),
      conclude: ({ batch }, end) => this.#conclude(batch, end),
    });
    this.#loop.start();
  }

  /** Queues the request's devices. Each one is reported to the request, unless it leaves. */
  read(readRequest: ReadRequest): void {
    this.#queue.add(readRequest);
    this.#loop.wake();
  }

  leave(readRequest: ReadRequest): void {
    readRequest.leave();
    this.#queue.leave(readRequest);
    if (this.#queue.isEmpty) this.#loop.wishAgain();
  }

  /** Waits for the calls in flight. */
  async close(): Promise<void> {
    await this.#loop.close();
    await this.#limiter.close();
  }

  async #conclude(batch: ReadBatch, end: ReadEnd): Promise<void> {
    if (end.kind === "accepted") tellTasks(batch, end.list);
    else await this.#concludeFailed(batch, end);
  }

  /** Handles the end of an unsuccessful call. */
  async #concludeFailed({ scope, devices }: ReadBatch, end: Exclude<CallEnd, { kind: "accepted" }>): Promise<void> {
    const what = consequence(end, devices.length);
    const why = unreadBy(what.outcome);
    switch (what.kind) {
      case "settle":
        tellAll(devices, why);
        // No permission to read, or no such batch: all other calls of this scope would be refused
        // as well.
        if (!isDeviceFault(end)) tellAll(this.#queue.takeAlike(scope), why);
        break;
      case "bisect":
        this.#queue.putBack(
          scope,
          devices.map((device) => ({ ...device, alone: true })),
        );
        break;
      case "repeat": {
        const tried = devices.map((device) => ({ ...device, attempts: device.attempts + 1 }));
        const givenUp = tried.filter(({ attempts }) => attempts >= MOST_ATTEMPTS);
        tellAll(givenUp, why);
        if (what.backoff) await this.#loop.sleep(READ_AGAIN_MS);
        this.#queue.putBack(scope, tried);
      }
    }
  }
}

/** A batch that was sent. */
class SentRead implements SentWork {
  readonly batch: ReadBatch;
  /** Each request in the call, once. */
  readonly waiters: readonly ReadOrigin[];

  constructor(batch: ReadBatch) {
    this.batch = batch;
    this.waiters = [...new Set(batch.devices.flatMap(({ readRequests }) => readRequests))].map(({ origin }) => origin);
  }

  sentCall(sentMs: number, sentWallMs: number): SentCall {
    const { scope, devices } = this.batch;
    const { productKey, firmwareId, jobId } = scope;
    const devicesByCaller = new Map<string, number>();
    for (const { readRequests } of devices) {
      for (const caller of new Set(readRequests.map(({ origin }) => origin.caller))) {
        devicesByCaller.set(caller, (devicesByCaller.get(caller) ?? 0) + 1);
      }
    }
    return {
      sentMs,
      sentWallMs,
      productKey,
      firmwareId,
      jobId,
      devices: devices.length,
      devicesByCaller,
      attempt: 1 + devices.reduce((most, { attempts }) => Math.max(most, attempts), 0),
      tokenWaitMs: Math.round(sentMs - this.waiters.reduce((ms, { arrivedMs }) => Math.min(ms, arrivedMs), sentMs)),
    };
  }
}
