// Runs the stop of a rollout as an operation: makes the calls that the machine asks for, and records
// what it knows, so that another holder can go on after a crash at any step. No call that changes
// something is made before the plan is recorded, nor while the store is away or the lease is not
// sure to be ours.
import type { Span } from "@opentelemetry/api";
import { type Clock, sleepUntil } from "../../base/clock.js";
import type { Failure } from "../../gateway/failures.js";
import type { Gateway } from "../../gateway/gateway.js";
import type { JobCalls } from "../../rollout/job-calls.js";
import { RolloutStop } from "../../rollout/rollout-stop.js";
import type { StopCall, StopCallEnd, StopConclusion } from "../../rollout/stop-call.js";
import { Backoff } from "../backoff.js";
import { RunDeadlines } from "../run-deadlines.js";
import { DONE, EXPIRED, LEFT, MAYBE_SENT, type RunEnding, STOPPED } from "../run-ending.js";
import { type Leased, LeaseLost, type OperationRecord, type OperationStore, StoreUnavailable } from "../store.js";
import { DeviceLists } from "./device-lists.js";
import { StopCalls } from "./stop-calls.js";
import { unplannedFailureOf } from "./stop-failure.js";
import { StopRecord } from "./stop-record.js";
import type { StopSpec } from "./stop-spec.js";

/** What an account needs to stop rollouts. */
export interface StopAccount {
  readonly calls: Pick<JobCalls, "call">;
  /** The longest time of a call. */
  readonly callTimeoutMs: number;
}

export interface StopRunOptions extends StopAccount {
  readonly store: OperationStore;
  readonly gateway: Pick<Gateway, "cancel">;
  readonly clock: Clock;
  readonly leased: Leased;
  /** When the lease was asked for; monotonic. */
  readonly askedMs: number;
  /** Why the caller may not run this now; undefined if it may. */
  readonly forbidden: (caller: string, spec: StopSpec) => string | undefined;
  /** Unexpected errors: the operation pauses. */
  readonly failed: (error: unknown) => void;
  /** The plan is stored, and changes follow. */
  readonly planned: (record: OperationRecord) => void;
  readonly ended: (record: OperationRecord) => void;
  /** Of the operation; its calls are linked to it. */
  readonly span: Span | undefined;
}

/** Progress is stored so often, and at each end of a change. */
const SAVE_MS = 1000;
/** After a plan that failed in passing. */
const PLAN_AGAIN_MS = 5000;
/** The last count of a stop that was stopped itself, or has expired, may take so long. */
const LAST_COUNT_MS = 60_000;

export class StopRun {
  readonly id: string;
  readonly #options: StopRunOptions;
  readonly #clock: Clock;
  readonly #caller: string;
  readonly #spec: StopSpec;
  readonly #calls: StopCalls;
  readonly #record: StopRecord;
  readonly #deadlines: RunDeadlines;
  readonly #over = new AbortController();
  readonly #backoff: Backoff;
  #machine: RolloutStop;
  /** Calls that change something, which wait for the record of their intent. */
  #changes: StopCall[] = [];
  #obstacle = "";
  #ending: RunEnding | undefined;
  /** The lists of devices are not worth more time than the stop had. */
  #isLate = false;
  #isLeaving = false;
  #isLost = false;
  #saveMs = -Infinity;
  #wake: () => void = () => {};

  constructor(options: StopRunOptions) {
    const { clock, leased, askedMs, store, failed, planned } = options;
    const { record } = leased;
    this.#options = options;
    this.#clock = clock;
    this.id = record.id;
    this.#caller = record.caller;
    this.#spec = JSON.parse(record.spec) as StopSpec;
    this.#record = new StopRecord({
      ...{ store, leased, planned },
      progress: () => ({ calls: this.#calls.count, obstacle: this.#obstacle }),
    });
    this.#machine = this.#newMachine();
    this.#backoff = new Backoff(clock, this.#over.signal);
    this.#calls = new StopCalls(
      {
        ...{ ...options, failed, caller: record.caller, spec: this.#spec },
        sendUntilMs: () => this.#sendUntilMs,
        settled: ({ jobId }, name, outcome) => {
          // A device that was not sent may be found by the next pass, here or elsewhere.
          if (outcome.kind !== "not-attempted" || this.#ending) this.#record.note(jobId, name, outcome);
        },
        ended: (call, result) => this.#ended(call, result),
      },
      record.progress.calls,
    );
    this.#deadlines = new RunDeadlines({
      ...{ clock, over: this.#over.signal, lapsed: () => {} },
      expired: () => this.#expired(),
      passed: () => this.#wake(),
    });
    this.renewed(leased, askedMs);
  }

  /** Resolves when it has ended, or has been left. */
  async run(): Promise<void> {
    while (!this.#over.signal.aborted) {
      try {
        await this.#step();
        this.#backoff.succeeded();
      } catch (error) {
        if (error instanceof LeaseLost) this.lose();
        else await this.#backOff(error);
      }
    }
    this.#deadlines.disarm();
    this.#options.span?.end();
  }

  /** The lease was prolonged. `askedMs`: when that was asked for. */
  renewed(leased: Leased, askedMs: number): void {
    this.#deadlines.renewed(leased, askedMs);
    if (leased.record.state === "stopping") this.stop();
    this.#deadlines.arm();
    this.#wake();
  }

  /** `CancelOperation` was called: counts once more, and changes nothing more. */
  stop(): void {
    this.#endBy(STOPPED);
  }

  /** Gives the operation up: sent calls run to their end, and are recorded. */
  leave(): void {
    this.#isLeaving = true;
    this.#calls.leave(LEFT);
    this.#dropChanges();
    this.#wake();
  }

  /** Another holder has the lease. */
  lose(): void {
    this.#isLost = true;
    this.leave();
  }

  wake(): void {
    this.#wake();
  }

  get #sendUntilMs(): number {
    return this.#isLeaving || this.#ending ? -Infinity : this.#deadlines.sendUntilMs;
  }

  async #step(): Promise<void> {
    if (this.#isLeaving) return this.#leave();
    if (this.#record.detail.report) return this.#list();
    this.#checkRights();
    const nowMs = this.#clock.now();
    for (const call of this.#machine.next(nowMs)) {
      if (call.operation.startsWith("Cancel")) this.#changes.push(call);
      else this.#calls.make(call);
    }
    const { conclusion } = this.#machine;
    if (conclusion) return this.#conclude(conclusion);
    if (this.#changes.length > 0 && nowMs < this.#sendUntilMs) return this.#change();
    if (this.#record.hasNews && nowMs >= this.#saveMs) return this.#save();
    if (this.#ending && this.#calls.hasLeft && this.#calls.underWay === 0) return this.#end(this.#ending);
    return this.#wait(Math.min(this.#machine.wakeMs(nowMs), this.#record.hasNews ? this.#saveMs : Infinity));
  }

  /** Records what is about to be changed, then makes the calls. */
  async #change(): Promise<void> {
    await this.#save();
    for (let call = this.#changes[0]; call; call = this.#changes[0]) {
      if (call.operation === "CancelOTATaskByDevice") await this.#record.append(call.jobId, call.deviceNames);
      if (this.#changes[0] !== call || this.#clock.now() >= this.#sendUntilMs) return; // ended meanwhile
      this.#changes.shift();
      this.#calls.make(call);
    }
  }

  #ended(call: StopCall, result: StopCallEnd): void {
    this.#machine.ended(call, result);
    this.#noteObstacle(call, result.end);
    this.#record.hasNews = true;
    if (call.operation.startsWith("Cancel")) this.#saveMs = -Infinity;
    this.#wake();
  }

  #noteObstacle({ operation }: StopCall, end: StopCallEnd["end"]): void {
    if (end.kind === "lost" || end.kind === "unwritten") this.#obstacle = `${operation}: ${end.message}`;
    else if (end.kind === "refused" && end.refusal.reaction.kind !== "rejected") {
      this.#obstacle = `${operation}: ${end.refusal.message} (${end.refusal.code})`;
    } else if (end.kind !== "withdrawn") this.#obstacle = "";
  }

  #endBy(ending: RunEnding): void {
    if (this.#ending || this.#isLeaving) return;
    this.#ending = ending;
    this.#calls.stopChanging(ending.unsent);
    this.#dropChanges();
    this.#machine.interrupt(this.#clock.now());
    const disarm = this.#clock.at(this.#clock.now() + LAST_COUNT_MS, () => this.#calls.leave(ending.unsent));
    this.#over.signal.addEventListener("abort", disarm, { once: true });
    this.#wake();
  }

  #expired(): void {
    const { report } = this.#record.detail;
    if (report && !report.isInterrupted) this.#isLate = true;
    else this.#endBy(EXPIRED);
  }

  /** Changes that were not made end as withdrawn. */
  #dropChanges(): void {
    const never = { sentMs: undefined, sentWallMs: undefined, endedMs: this.#clock.now(), attempts: 0 };
    for (const call of this.#changes.splice(0)) {
      this.#machine.ended(call, { end: { kind: "withdrawn", message: "the stop was interrupted" }, ...never });
    }
  }

  #checkRights(): void {
    const why = this.#ending ? undefined : this.#options.forbidden(this.#caller, this.#spec);
    if (!why) return;
    const failure: Failure = { kind: "forbidden", message: why };
    this.#endBy({ state: "done", failure, unsent: failure });
  }

  async #conclude(conclusion: StopConclusion): Promise<void> {
    if (conclusion.kind === "report") {
      const { stopped, isInterrupted, etag, otherOpenJobs, batches } = conclusion;
      return this.#record.report({ stopped, isInterrupted, etag, otherOpenJobs }, batches);
    }
    const { failure, isPassing } = unplannedFailureOf(conclusion);
    if (this.#ending || !isPassing) return this.#end(this.#ending ?? { state: "done", failure, unsent: failure });
    this.#obstacle = failure.message;
    await this.#save();
    await this.#wait(this.#clock.now() + PLAN_AGAIN_MS);
    if (!this.#ending && !this.#isLeaving) this.#machine = this.#newMachine();
  }

  /** The report is stored. It remains to list devices, and to end. */
  async #list(): Promise<void> {
    const lists = new DeviceLists(this.#record.detail.batches, this.#spec);
    const part = this.#ending || this.#isLate ? undefined : lists.partAt(this.#record.detail.listed);
    if (!part) return this.#end(this.#ending ?? DONE, lists.isTruncated || this.#isLate || this.#ending !== undefined);
    const { names, isComplete } = await this.#calls.read(part.calls);
    if (this.#isLeaving) return;
    await this.#record.append(part.jobId, names.slice(0, part.most), part.outcome, {
      listed: part.next,
      isTruncated: this.#record.detail.isTruncated || !isComplete,
    });
  }

  async #end({ state, failure }: RunEnding, isTruncated = false): Promise<void> {
    if (!this.#record.detail.report) await this.#save();
    const text = failure ? JSON.stringify(failure) : "";
    const end = { state, failure: text, sent: JSON.stringify(MAYBE_SENT), unsent: text };
    const record = await this.#record.end(end, isTruncated);
    this.#over.abort();
    this.#options.ended(record);
  }

  async #leave(): Promise<void> {
    if (this.#calls.underWay > 0) return this.#wait(Infinity);
    if (!this.#isLost) await this.#save().catch(() => {}); // its next holder counts again
    this.#over.abort();
  }

  async #save(): Promise<void> {
    await this.#record.save(this.#machine);
    this.#saveMs = this.#clock.now() + SAVE_MS;
  }

  async #backOff(error: unknown): Promise<void> {
    this.#options.failed(error);
    const isAway = error instanceof StoreUnavailable;
    this.#obstacle = isAway ? "the store of operations was away" : "internal error; see the gateway's log";
    await this.#backoff.wait();
  }

  #newMachine(): RolloutStop {
    const { clock, callTimeoutMs } = this.#options;
    const { scope, ...order } = this.#spec;
    const { isPlanned, batches } = this.#record.detail;
    const known = new Map(isPlanned ? batches.map((batch) => [batch.before.jobId, batch]) : []);
    const wallMsOf = (ms: number) => clock.wallNow() - clock.now() + ms;
    return new RolloutStop({ ...order, ...scope, callTimeoutMs }, clock.now(), wallMsOf, known);
  }

  /** Until a call ends or something else happens, at the latest until then. */
  async #wait(untilMs: number): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await sleepUntil(this.#clock, untilMs, woken.signal).catch(() => {});
  }
}
