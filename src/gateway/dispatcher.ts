// The loop of one account: while work waits, take a token, cut a batch, send it, tell everyone.
// The wait for a token is the batching window; whoever arrives meanwhile joins the call. A call that has
// been sent runs to its own end, whoever leaves: giving it up would let its token back too early.
import { setMaxListeners } from "node:events";
import { sleepUntil } from "../base/clock.js";
import { inContext } from "../observe/telemetry/instruments.js";
import { AnswerTime } from "./admission/answer-time.js";
import { CallReport, type ReportOptions } from "./call/call-report.js";
import { type Consequence, consequence, tokenEnd } from "./call/consequence.js";
import { SentBatch } from "./call/sent-batch.js";
import { PRIORITIES } from "./command.js";
import type { Limiter, Token, Wish } from "./limiter.js";
import { Bisection, DEMOTION_MS, soleCaller } from "./queue/bisection.js";
import { type Batch, type Callers, type Limits, Queue } from "./queue/queue.js";
import type { CallEnd, Upstream } from "./upstream.js";
import type { DeviceOutcome, Waiter } from "./waiter.js";

export interface DispatcherOptions extends Omit<ReportOptions, "operation"> {
  readonly limiter: Limiter;
  readonly upstream: Upstream;
  readonly callers: Callers;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** A ledger that fails is asked again after so long. */
const TAKE_AGAIN_MS = 1000;
const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5000;

export class Dispatcher {
  readonly queue: Queue;
  readonly #options: DispatcherOptions;
  readonly #report: ReportOptions;
  readonly #underWay = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #taking: { readonly wish: Wish; readonly abort: AbortController } | undefined;
  #wake: () => void = () => {};
  readonly #answerTime: AnswerTime;
  #obstacle = "";

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#report = { ...options, operation: "CancelOTATaskByDevice" };
    setMaxListeners(0, this.#closing.signal); // every call in its backoff listens
    this.#answerTime = new AnswerTime(options.clock);
    this.queue = new Queue(options.upstream.room, options.callers);
  }

  /** How long a typical answer takes. */
  get answerMs(): number {
    return this.#answerTime.typicalMs;
  }

  /** Why the last call settled nothing, though it may when it is repeated; empty if it did. Names no device. */
  get obstacle(): string {
    return this.#obstacle;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** The waiter's devices wait from now on. */
  add(waiter: Waiter): void {
    this.queue.add(waiter);
    this.#wake();
    if (!this.#taking) return;
    const { priority, newcomer } = this.#taking.wish;
    // Nobody waits out the pacing, or the place among replicas, of a token that is taken for those who may wait.
    const isFirst = PRIORITIES.indexOf(waiter.command.priority) < PRIORITIES.indexOf(priority);
    const isNew = !newcomer && this.queue.isNewcomer(waiter, this.#options.clock.now());
    if (isFirst || isNew) this.#taking.abort.abort();
  }

  /** The waiter's devices that have not been sent leave at once. */
  leave(waiter: Waiter): void {
    this.queue.leave(waiter);
    if (this.queue.backlog.devices === 0) this.#taking?.abort.abort();
  }

  /** Ends the loop and waits for the calls that are under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#taking?.abort.abort();
    this.#wake();
    await this.#running;
    await Promise.all(this.#underWay);
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      if (this.queue.backlog.devices === 0) {
        await this.#change();
        continue;
      }
      const token = await this.#take();
      if (!token) continue;
      const batch = this.queue.cut({ ...this.#limits(), newcomersOnly: token.newcomer });
      const sentMs = this.#options.clock.now(); // not later than the ledger takes it for sent
      if (!batch) {
        token.settle({ kind: "unwritten" });
        // If no newcomer is left, the others need another token. If nobody at all has time enough,
        // trying again at once would spin.
        if (!token.newcomer) await this.#change();
      } else if (token.send()) {
        const call = this.#call(batch, token, sentMs).finally(() => this.#underWay.delete(call));
        this.#underWay.add(call);
      } else {
        this.queue.putBack(batch, this.#options.clock.now(), "kept");
      }
    }
  }

  #limits(): Limits {
    return { nowMs: this.#options.clock.now(), answerMs: this.answerMs };
  }

  /** A token; undefined if it is no longer wanted like this. */
  async #take(): Promise<Token | undefined> {
    const { clock, limiter, log } = this.#options;
    const abort = new AbortController();
    const wish = { priority: this.queue.backlog.highest, newcomer: this.queue.hasNewcomer(this.#limits()) };
    this.#taking = { wish, abort };
    try {
      return await limiter.take(wish, abort.signal);
    } catch (error) {
      if (abort.signal.aborted) return undefined;
      log.error({ err: error }, "no token could be taken");
      await sleepUntil(clock, clock.now() + TAKE_AGAIN_MS, abort.signal).catch(() => {});
      return undefined;
    } finally {
      this.#taking = undefined;
    }
  }

  async #call(batch: Batch, token: Token, sentMs: number): Promise<void> {
    const { clock } = this.#options;
    const sentWallMs = clock.wallNow();
    const sentBatch = new SentBatch(batch, sentMs, sentWallMs);
    const report = new CallReport(this.#report, sentBatch.sentCall(sentMs, sentWallMs), sentBatch.waiters);
    const end = await inContext(report.context, () => this.#send(batch));
    const endedMs = clock.now();
    token.settle(tokenEnd(end));
    report.end(end, endedMs);
    const durationMs = endedMs - sentMs;
    if ("requestId" in end) this.#answerTime.note(durationMs);
    sentBatch.complete(end, durationMs);
    await this.#conclude(sentBatch, consequence(end, batch.devices.length));
  }

  /** A client that throws has broken its promise; the call may have been sent all the same. */
  async #send({ scopeQueue: { scope }, devices }: Batch): Promise<CallEnd> {
    try {
      return await this.#options.upstream.cancelTasks({ scope, deviceNames: devices.map(({ name }) => name) });
    } catch (error) {
      this.#options.log.error({ err: error }, "the upstream client threw");
      return { kind: "lost", message: "the call ended in an internal error" };
    }
  }

  async #conclude(sentBatch: SentBatch, what: Consequence): Promise<void> {
    const { batch } = sentBatch;
    this.#obstacle = what.kind === "repeat" ? what.outcome.failure.message : "";
    switch (what.kind) {
      case "settle":
        sentBatch.settle(what.outcome);
        // Told apart to the last device: or one bad device a request would spoil one shared call each.
        if (batch.scopeQueue.bisection && what.outcome.kind === "rejected") this.#demote(batch);
        break;
      case "repeat":
        sentBatch.release(what.outcome);
        if (what.backoff) await this.#backoff(sentBatch.attempt);
        this.queue.putBack(batch, this.#options.clock.now(), what.backoff ? "spent" : "kept");
        break;
      case "bisect":
        this.#bisect(sentBatch, what.outcome);
        break;
    }
    // Somebody waits again; or who had too little time for a typical answer has enough by this one.
    this.#wake();
  }

  /** Tells the devices of a refused call apart, as far as its budget goes. */
  #bisect(sentBatch: SentBatch, outcome: DeviceOutcome): void {
    const bisection = sentBatch.batch.scopeQueue.bisection ?? new Bisection();
    if (!bisection.reserveHalves()) {
      sentBatch.settle(outcome);
      return;
    }
    sentBatch.release(outcome);
    this.#demote(sentBatch.batch);
    this.queue.separate(sentBatch.batch, bisection);
  }

  /** The only caller in a refused call is sent alone for a while. */
  #demote({ scopeQueue, devices }: Batch): void {
    const nowMs = this.#options.clock.now();
    const culprit = soleCaller(devices);
    if (culprit !== undefined) this.queue.demote(scopeQueue.scope, culprit, nowMs + DEMOTION_MS, nowMs);
  }

  /** Grows with the attempts, and differs from call to call so that repeats do not come in step. */
  async #backoff(attempt: number): Promise<void> {
    const { clock, random } = this.#options;
    const longestMs = Math.min(FIRST_BACKOFF_MS * 2 ** (attempt - 1), LONGEST_BACKOFF_MS);
    const untilMs = clock.now() + (longestMs * (1 + random())) / 2;
    await sleepUntil(clock, untilMs, this.#closing.signal).catch(() => {}); // closing cuts it short
  }

  /** Resolves when somebody may be taken into a call who could not before, or the dispatcher closes. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closing.signal.aborted) resolve();
      this.#wake = resolve;
    });
  }
}
