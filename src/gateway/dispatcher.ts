// Cancels the tasks that wait in one account's queue: each call of the loop takes a batch from the
// queue. When the call ends, its devices are settled, sent again, or told apart: by reading which
// of them exist, else in halves.
import { AnswerTime } from "./admission/answer-time.js";
import { CallLoop } from "./call/call-loop.js";
import type { ReportOptions } from "./call/call-report.js";
import { consequence } from "./call/consequence.js";
import { RecentRefusals } from "./call/recent-refusals.js";
import { SentBatch } from "./call/sent-batch.js";
import { PRIORITIES } from "./command.js";
import type { DeviceOutcome } from "./device-outcome.js";
import type { DeviceReadings } from "./existence/device-reads.js";
import { Existence } from "./existence/existence.js";
import type { Limiter, Wish } from "./limiter.js";
import type { BatchDevice } from "./queue/batch.js";
import { Bisection, DEMOTION_MS, soleCaller } from "./queue/bisection.js";
import { type Batch, type Limits, Queue } from "./queue/queue.js";
import type { Callers } from "./queue/scheduler.js";
import type { CallEnd, Upstream } from "./upstream.js";
import type { Waiter } from "./waiter.js";

export interface DispatcherOptions extends Omit<ReportOptions, "operation"> {
  readonly limiter: Limiter;
  readonly upstream: Upstream;
  readonly callers: Callers;
  /** Without them stale names are told apart by halving alone. */
  readonly deviceReadings?: DeviceReadings;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5000;

export class Dispatcher {
  readonly queue: Queue;
  readonly #options: DispatcherOptions;
  readonly #loop: CallLoop<Batch, SentBatch, CallEnd>;
  readonly #answerTime: AnswerTime;
  /** Undefined if nothing can be read. */
  readonly existence: Existence | undefined;
  readonly #refusals = new RecentRefusals();

  constructor(options: DispatcherOptions) {
    const { clock, upstream, callers } = options;
    this.#options = options;
    this.#answerTime = new AnswerTime(clock);
    this.queue = new Queue(upstream.room, callers);
    this.#loop = new CallLoop({
      ...options,
      operation: "CancelOTATaskByDevice",
      wish: () => this.#wish(),
      cut: ({ newcomer }) => this.queue.cut({ ...this.#limits(), newcomersOnly: newcomer }),
      putBack: (batch) => this.queue.putBack(batch, clock.now(), "kept"),
      begin: (batch, sentMs, sentWallMs) => new SentBatch(batch, sentMs, sentWallMs),
      send: ({ scopeQueue: { scope }, devices }, sentMs) =>
        upstream.cancelTasks({ scope, deviceNames: devices.map(({ name }) => name) }, sentMs),
      conclude: (sentBatch, end, durationMs) => this.#conclude(sentBatch, end, durationMs),
    });
    const { deviceReadings } = options;
    this.existence =
      deviceReadings &&
      new Existence({
        ...options,
        deviceReadings,
        queue: this.queue,
        devicesPerCall: upstream.room.devices,
        answerMs: () => this.answerMs,
        released: () => this.#loop.wake(),
      });
  }

  /** The typical time to an answer. */
  get answerMs(): number {
    return this.#answerTime.typicalMs;
  }

  start(): void {
    this.#loop.start();
  }

  /** Queues the waiter's devices, or answers them with what was just refused for their scope. */
  add(waiter: Waiter): void {
    const { scope, deviceNames } = waiter.command;
    const refused = waiter.follower ? undefined : this.#refusals.of(scope, this.#options.clock.now());
    if (refused) {
      for (let index = 0; index < deviceNames.length; index++) waiter.settle(index, refused);
      return;
    }
    this.queue.add(waiter);
    this.#loop.wake();
    this.existence?.wake();
    const { wish } = this.#loop;
    if (!wish) return;
    // A more urgent waiter or a newcomer must not wait for a token that was requested on lesser
    // terms.
    const isFirst = PRIORITIES.indexOf(waiter.command.priority) < PRIORITIES.indexOf(wish.priority);
    const isNew = !wish.newcomer && this.queue.isNewcomer(waiter, this.#options.clock.now());
    if (isFirst || isNew) this.#loop.wishAgain();
  }

  /** Removes the waiter's unsent devices from the queue. */
  leave(waiter: Waiter): void {
    this.queue.leave(waiter);
    if (!this.queue.highest) this.#loop.wishAgain();
  }

  /** Ends the loop and waits for the calls in flight. */
  async close(): Promise<void> {
    await Promise.all([this.#loop.close(), this.existence?.close()]);
  }

  #wish(): Wish | undefined {
    const { highest } = this.queue;
    return highest && { priority: highest, newcomer: this.queue.hasNewcomer(this.#limits()) };
  }

  #limits(): Limits {
    return { nowMs: this.#options.clock.now(), answerMs: this.answerMs };
  }

  async #conclude(sentBatch: SentBatch, end: CallEnd, durationMs: number): Promise<void> {
    if ("requestId" in end) this.#answerTime.note(durationMs);
    sentBatch.complete(end, durationMs);
    const { batch } = sentBatch;
    const what = consequence(end, batch.devices.length);
    switch (what.kind) {
      case "settle":
        sentBatch.settle(what.outcome);
        this.#spread(batch, end, what.outcome);
        // The device at fault has been found. Without this, one bad device per request would spoil
        // one shared call each time.
        if (batch.scopeQueue.bisection && what.outcome.kind === "rejected") this.#demote(batch);
        break;
      case "repeat":
        sentBatch.release(what.outcome);
        if (what.backoff) await this.#backOff(sentBatch);
        else this.queue.putBack(batch, this.#options.clock.now(), "kept");
        break;
      case "bisect":
        sentBatch.release(what.outcome);
        if (!this.existence?.readAhead.takesOver(batch, end)) this.#bisect(sentBatch, what.outcome);
        break;
    }
  }

  /** A refusal of the scope as a whole answers everything else that waits in it. */
  #spread({ scopeQueue: { scope } }: Batch, end: CallEnd, outcome: DeviceOutcome): void {
    if (!this.#refusals.note(scope, end, outcome, this.#options.clock.now())) return;
    for (const { waiter, indexes } of this.queue.withdraw(scope)) {
      for (const index of indexes) waiter.settle(index, outcome);
    }
  }

  /** Sends the devices of a refused call again in halves, as long as the budget allows. */
  #bisect(sentBatch: SentBatch, outcome: DeviceOutcome): void {
    const bisection = sentBatch.batch.scopeQueue.bisection ?? new Bisection();
    if (!bisection.reserveHalves()) {
      sentBatch.settle(outcome);
      return;
    }
    this.#demote(sentBatch.batch);
    this.queue.separate(sentBatch.batch, bisection);
  }

  /** If a refused call had a single caller, that caller is sent alone for a while. */
  #demote({ scopeQueue, devices }: Batch): void {
    const nowMs = this.#options.clock.now();
    const culprit = soleCaller(devices);
    if (culprit !== undefined) this.queue.demote(scopeQueue.scope, culprit, nowMs + DEMOTION_MS, nowMs);
  }

  /**
   * Devices of a failed call wait for longer with each of their own attempts, with jitter so that
   * repeated calls do not synchronize. The parts of a refused call stay together.
   */
  async #backOff({ batch, attempt }: SentBatch): Promise<void> {
    const isApart = batch.scopeQueue.bisection !== undefined;
    const groups = Map.groupBy(batch.devices, (device) => longestBackoffMs(isApart ? attempt : attemptsOf(device)));
    const waits = [...groups].map(async ([longestMs, devices]) => {
      await this.#loop.sleep((longestMs * (1 + this.#options.random())) / 2);
      this.queue.putBack({ ...batch, devices }, this.#options.clock.now(), "failed");
      this.#loop.wake();
    });
    await Promise.all(waits);
  }
}

function longestBackoffMs(attempt: number): number {
  return Math.min(FIRST_BACKOFF_MS * 2 ** (attempt - 1), LONGEST_BACKOFF_MS);
}

/** In how many calls a device was for the waiter that has tried it least. */
function attemptsOf({ owners }: BatchDevice): number {
  return owners.reduce((least, { waiter, index }) => Math.min(least, waiter.attemptsOf(index)), Infinity);
}
