// The loop of one reading operation: while devices wait, take a token of the operation's own quota, cut a call, send
// it, tell everyone. It shares neither tokens nor queue with the cancels. A call that has been sent runs to its end.
import { setMaxListeners } from "node:events";
import { type Clock, sleepUntil } from "../base/clock.js";
import { CallReport, type ReportOptions } from "../gateway/call/call-report.js";
import { consequence, tokenEnd } from "../gateway/call/consequence.js";
import type { SentCall } from "../gateway/call-observer.js";
import type { Limiter, Token } from "../gateway/limiter.js";
import type { ReadEnd, TaskReader } from "../gateway/task-reader.js";
import { inContext } from "../observe/telemetry/instruments.js";
import { asCallEnd, isDeviceFault, tellAll, tellTasks, unreadBy } from "./read-end.js";
import { type ReadBatch, ReadQueue } from "./read-queue.js";
import type { ReadRequest } from "./read-request.js";

export interface ReadLoopOptions extends ReportOptions {
  /** Of this operation alone. */
  readonly limiter: Limiter;
  readonly reader: TaskReader;
}

/** A device that so many calls have told nothing of is given up. */
const MOST_ATTEMPTS = 5;

/** A ledger that fails is asked again after so long, and calls that failed are sent again after as long. */
const AGAIN_MS = 1000;

export class ReadLoop {
  readonly #options: ReadLoopOptions;
  readonly #clock: Clock;
  readonly #queue: ReadQueue;
  readonly #underWay = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #taking: AbortController | undefined;
  #wake: () => void = () => {};

  constructor(options: ReadLoopOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#queue = new ReadQueue(options.reader.room);
    setMaxListeners(0, this.#closing.signal); // every call that is to be sent again listens
    this.#running = this.#run();
  }

  /** Its devices wait from now on; each is told in the end, unless the request leaves. */
  read(readRequest: ReadRequest): void {
    this.#queue.add(readRequest);
    this.#wake();
  }

  leave(readRequest: ReadRequest): void {
    readRequest.leave();
    this.#queue.leave(readRequest);
    if (this.#queue.isEmpty) this.#taking?.abort();
  }

  /** Waits for the calls under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#taking?.abort();
    this.#wake();
    await this.#running;
    await Promise.all(this.#underWay);
    await this.#options.limiter.close();
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      if (this.#queue.isEmpty) {
        await this.#change();
        continue;
      }
      const token = await this.#take();
      const batch = token && this.#queue.cut();
      const sentMs = this.#clock.now(); // not later than the ledger takes it for sent
      if (!batch) {
        token?.settle({ kind: "unwritten" });
      } else if (token.send()) {
        const call = this.#call(batch, token, sentMs).finally(() => this.#underWay.delete(call));
        this.#underWay.add(call);
      } else {
        this.#queue.putBack(batch.scope, batch.devices);
      }
    }
  }

  /** A token; undefined if nobody waits any more, or there is none to be had. */
  async #take(): Promise<Token | undefined> {
    const { limiter, log, operation } = this.#options;
    const abort = new AbortController();
    this.#taking = abort;
    try {
      return await limiter.take({ priority: "normal", newcomer: false }, abort.signal);
    } catch (error) {
      if (abort.signal.aborted) return undefined;
      log.error({ err: error, operation }, "no token could be taken");
      await sleepUntil(this.#clock, this.#clock.now() + AGAIN_MS, abort.signal).catch(() => {});
      return undefined;
    } finally {
      this.#taking = undefined;
    }
  }

  async #call(batch: ReadBatch, token: Token, sentMs: number): Promise<void> {
    const origins = [...new Set(batch.devices.flatMap(({ readRequests }) => readRequests))].map(({ origin }) => origin);
    const report = new CallReport(this.#options, sentCall(batch, sentMs, this.#clock.wallNow()), origins);
    const end = await inContext(report.context, () => this.#send(batch));
    const endedMs = this.#clock.now();
    token.settle(tokenEnd(asCallEnd(end)));
    report.end(asCallEnd(end), endedMs);
    if (end.kind === "read") tellTasks(batch, end.list);
    else await this.#conclude(batch, end);
    this.#wake();
  }

  /** A client that throws has broken its promise; the call may have been sent all the same. */
  async #send({ scope, devices }: ReadBatch): Promise<ReadEnd> {
    const { reader, log, operation } = this.#options;
    try {
      return await reader.read(
        scope,
        devices.map(({ name }) => name),
      );
    } catch (error) {
      log.error({ err: error, operation }, "the upstream client threw");
      return { kind: "lost", message: "the call ended in an internal error" };
    }
  }

  /** A call that told nothing. */
  async #conclude({ scope, devices }: ReadBatch, end: Exclude<ReadEnd, { kind: "read" }>): Promise<void> {
    const what = consequence(end, devices.length);
    const why = unreadBy(what.outcome);
    switch (what.kind) {
      case "settle":
        tellAll(devices, why);
        // No right to read, or no such batch: the calls of the others would be refused as well.
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
        const againMs = this.#clock.now() + AGAIN_MS;
        if (what.backoff) await sleepUntil(this.#clock, againMs, this.#closing.signal).catch(() => {});
        this.#queue.putBack(scope, tried);
      }
    }
  }

  /** Resolves when a device waits, or it closes. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closing.signal.aborted) resolve();
      this.#wake = resolve;
    });
  }
}

function sentCall({ scope, devices }: ReadBatch, sentMs: number, sentWallMs: number): SentCall {
  const { productKey, firmwareId, jobId } = scope;
  const devicesByCaller = new Map<string, number>();
  let waitingSinceMs = sentMs;
  let attempt = 0;
  for (const { readRequests, attempts } of devices) {
    attempt = Math.max(attempt, attempts + 1);
    for (const caller of new Set(readRequests.map(({ origin }) => origin.caller))) {
      devicesByCaller.set(caller, (devicesByCaller.get(caller) ?? 0) + 1);
    }
    for (const { origin } of readRequests) waitingSinceMs = Math.min(waitingSinceMs, origin.arrivedMs);
  }
  const tokenWaitMs = Math.round(sentMs - waitingSinceMs);
  const about = { productKey, firmwareId, jobId, devices: devices.length, devicesByCaller };
  return { sentMs, sentWallMs, ...about, attempt, tokenWaitMs };
}
