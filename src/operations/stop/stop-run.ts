// Runs the stop of a rollout as an operation: makes the calls that the machine asks for, and
// records what it knows, so that another holder can go on after a crash at any step. No call that
// changes something is made before the plan is recorded, nor while the store is away or the lease
// is not sure to be ours.
import type { Clock } from "../../base/clock.js";
import type { Failure } from "../../gateway/failures.js";
import type { Gateway } from "../../gateway/gateway.js";
import type { JobCalls } from "../../rollout/job-calls.js";
import type { StopCall, StopCallEnd, StopConclusion } from "../../rollout/stop-call.js";
import { StopMachine } from "../../rollout/stop-machine.js";
import { DONE, LEFT, MAYBE_SENT, type RunEnding } from "../run-ending.js";
import type { Leased, OperationRecord, OperationStore } from "../store.js";
import type { LeasedRun, Tenure } from "../tenure.js";
import { DeviceLists } from "./device-lists.js";
import { StopCalls } from "./stop-calls.js";
import { unplannedFailureOf } from "./stop-failure.js";
import { StopRecord } from "./stop-record.js";
import type { StopReport, StopSpec } from "./stop-spec.js";

/** The needs of an account that stops rollouts. */
export interface StopAccount {
  readonly calls: Pick<JobCalls, "call" | "obstacle">;
  /** The longest time of a call. */
  readonly callTimeoutMs: number;
}

export interface StopRunOptions extends StopAccount {
  readonly store: OperationStore;
  readonly gateway: Pick<Gateway, "cancel">;
  readonly clock: Clock;
  readonly leased: Leased;
  /** Why the caller may not run this now; undefined if it may. */
  readonly forbidden: (caller: string, spec: StopSpec) => string | undefined;
  /** Unexpected errors. */
  readonly failed: (error: unknown) => void;
  /** The plan is stored, and changes follow. */
  readonly planned: (record: OperationRecord) => void;
}

/** Progress is stored so often, and at each end of a change. */
const SAVE_MS = 1000;
/** After a plan that failed in passing. */
const PLAN_AGAIN_MS = 5000;
/** A stop that was stopped itself, or has expired, may count and list what is left for so long. */
const LAST_LOOK_MS = 60_000;

export class StopRun implements LeasedRun {
  readonly #tenure: Tenure;
  readonly #options: StopRunOptions;
  readonly #clock: Clock;
  readonly #caller: string;
  readonly #spec: StopSpec;
  readonly #calls: StopCalls;
  readonly #record: StopRecord;
  #machine: StopMachine;
  /** Calls that change something, which wait for the record of their intent. */
  #changes: StopCall[] = [];
  #obstacle = "";
  #saveMs = -Infinity;

  constructor(tenure: Tenure, options: StopRunOptions) {
    const { clock, leased, store, planned } = options;
    const { caller, spec, progress } = leased.record;
    this.#tenure = tenure;
    this.#options = options;
    this.#clock = clock;
    this.#caller = caller;
    this.#spec = JSON.parse(spec) as StopSpec;
    this.#record = new StopRecord({
      ...{ store, leased, planned },
      progress: () => ({ calls: this.#calls.count, obstacle: this.#obstacleNow }),
    });
    this.#machine = this.#newMachine();
    this.#calls = new StopCalls(
      {
        ...{ ...options, caller, spec: this.#spec, span: tenure.span },
        sendUntilMs: () => tenure.sendUntilMs,
        settled: ({ jobId }, name, outcome) => this.#record.note(jobId, name, outcome),
        ended: (call, result) => this.#ended(call, result),
      },
      progress.calls,
    );
  }

  async step(): Promise<void> {
    const { isLeaving, ending } = this.#tenure;
    if (isLeaving) return this.#leave();
    if (this.#record.detail.report) return this.#list(this.#record.detail.report);
    this.#checkRights();
    const nowMs = this.#clock.now();
    for (const call of this.#machine.next(nowMs)) {
      if (call.operation.startsWith("Cancel")) this.#changes.push(call);
      else this.#calls.make(call);
    }
    const { conclusion } = this.#machine;
    if (conclusion) return this.#conclude(conclusion);
    if (this.#changes.length > 0 && this.#tenure.maySend) return this.#change();
    const hasNews = this.#record.hasNews || this.#obstacleNow !== this.#record.obstacle;
    if (hasNews && nowMs >= this.#saveMs) return this.#save();
    if (ending && this.#calls.hasLeft && this.#calls.underWay === 0) return this.#end(ending);
    return this.#tenure.wait(Math.min(this.#machine.wakeMs(nowMs), hasNews ? this.#saveMs : Infinity));
  }

  get #obstacleNow(): string {
    return this.#obstacle || this.#options.calls.obstacle;
  }

  /** Counts once more, and changes nothing more. */
  ending({ unsent }: RunEnding): void {
    this.#calls.stopChanging(unsent);
    this.#dropChanges();
    this.#machine.interrupt(this.#clock.now());
    const disarm = this.#clock.at(this.#clock.now() + LAST_LOOK_MS, () => this.#calls.leave(unsent));
    this.#tenure.over.addEventListener("abort", disarm, { once: true });
  }

  leaving(): void {
    this.#calls.leave(LEFT);
    this.#dropChanges();
  }

  /** A renewal does not wake the queue: it would send them when other work comes, if any does. */
  lapsed(): void {
    this.#calls.recallSweeps(LEFT);
  }

  /** Records what is about to be changed, then makes the calls. */
  async #change(): Promise<void> {
    await this.#save();
    for (let call = this.#changes[0]; call; call = this.#changes[0]) {
      if (call.operation === "CancelOTATaskByDevice") await this.#record.append(call.jobId, call.deviceNames);
      if (this.#changes[0] !== call) this.#noteUnsent(call); // ended meanwhile
      if (this.#changes[0] !== call || !this.#tenure.maySend) return;
      this.#changes.shift();
      this.#calls.make(call);
    }
  }

  #ended(call: StopCall, result: StopCallEnd): void {
    this.#machine.ended(call, result);
    this.#noteObstacle(call, result.end);
    this.#record.hasNews = true;
    if (call.operation.startsWith("Cancel")) this.#saveMs = -Infinity;
    this.#tenure.wake();
  }

  #noteObstacle({ operation }: StopCall, end: StopCallEnd["end"]): void {
    if (end.kind === "lost" || end.kind === "unwritten") this.#obstacle = `${operation}: ${end.message}`;
    else if (end.kind === "refused" && end.refusal.reaction.kind !== "rejected") {
      this.#obstacle = `${operation}: ${end.refusal.message} (${end.refusal.code})`;
    } else if (end.kind !== "withdrawn") this.#obstacle = "";
  }

  /** Changes that were not made end as withdrawn. */
  #dropChanges(): void {
    const never = { sentMs: undefined, sentWallMs: undefined, endedMs: this.#clock.now(), attempts: 0 };
    for (const call of this.#changes.splice(0)) {
      this.#noteUnsent(call);
      this.#machine.ended(call, { end: { kind: "withdrawn", message: "the stop was interrupted" }, ...never });
    }
  }

  /** Of its devices, those that are stored would otherwise end as perhaps sent. */
  #noteUnsent(call: StopCall): void {
    if (call.operation !== "CancelOTATaskByDevice") return;
    const failure = this.#tenure.ending?.unsent ?? LEFT;
    for (const name of call.deviceNames) this.#record.note(call.jobId, name, { kind: "not-attempted", failure });
  }

  #checkRights(): void {
    const why = this.#tenure.ending ? undefined : this.#options.forbidden(this.#caller, this.#spec);
    if (!why) return;
    const failure: Failure = { kind: "forbidden", message: why };
    this.#tenure.endBy({ state: "done", failure, unsent: failure });
  }

  async #conclude(conclusion: StopConclusion): Promise<void> {
    const { ending } = this.#tenure;
    if (conclusion.kind === "report") {
      const { stopped, isInterrupted, etag, otherOpenJobs, batches } = conclusion;
      const interruption = isInterrupted ? ending : undefined;
      return this.#record.report({ stopped, etag, otherOpenJobs, ...(interruption && { interruption }) }, batches);
    }
    const { failure, isPassing } = unplannedFailureOf(conclusion);
    if (ending || !isPassing) return this.#end(ending ?? { state: "done", failure, unsent: failure });
    this.#obstacle = failure.message;
    await this.#save();
    const againMs = this.#clock.now() + PLAN_AGAIN_MS;
    const goesOn = () => !this.#tenure.ending && !this.#tenure.isLeaving;
    while (goesOn() && this.#clock.now() < againMs) await this.#tenure.wait(againMs);
    if (goesOn()) this.#machine = this.#newMachine();
  }

  /** The report is stored. It remains to list devices, and to end. */
  async #list({ interruption }: StopReport): Promise<void> {
    const { detail } = this.#record;
    const { ending } = this.#tenure;
    const lists = new DeviceLists(detail.batches, this.#spec, interruption);
    this.#record.forget(lists.doneAt(detail.listed));
    const part = lists.partAt(detail.listed);
    const isOver = this.#calls.hasLeft || (ending !== undefined && !interruption);
    if (!part || isOver) {
      // The time of a stop that was not interrupted was enough, whatever is not listed.
      const final = interruption ?? (ending?.state === "stopped" ? ending : DONE);
      return this.#end(final, lists.isTruncated || part !== undefined);
    }
    const { names, isComplete } = await this.#calls.read(part.calls);
    if (this.#tenure.isLeaving) return;
    const changes = { listed: part.next, isTruncated: detail.isTruncated || !isComplete };
    await this.#record.append(part.jobId, names.slice(0, part.most), part.outcome, changes);
  }

  async #end({ state, failure }: RunEnding, isTruncated = false): Promise<void> {
    const { store, leased } = this.#options;
    if (!this.#record.detail.report) await this.#save();
    const text = failure ? JSON.stringify(failure) : "";
    const end = { state, failure: text, sent: JSON.stringify(MAYBE_SENT), unsent: text };
    await this.#record.complete(isTruncated);
    await this.#tenure.end(() => store.end(leased.lease, end));
  }

  async #leave(): Promise<void> {
    if (this.#calls.underWay > 0) return this.#tenure.wait();
    if (!this.#tenure.isLost) await this.#save().catch(() => {}); // its next holder counts again
    this.#tenure.close();
  }

  async #save(): Promise<void> {
    await this.#record.save(this.#machine);
    this.#saveMs = this.#clock.now() + SAVE_MS;
  }

  #newMachine(): StopMachine {
    const { clock, callTimeoutMs } = this.#options;
    const { scope, ...order } = this.#spec;
    const { isPlanned, batches } = this.#record.detail;
    const known = new Map(isPlanned ? batches.map((batch) => [batch.before.jobId, batch]) : []);
    const wallMsOf = (ms: number) => clock.wallNow() - clock.now() + ms;
    return new StopMachine({ ...order, ...scope, callTimeoutMs }, clock.now(), wallMsOf, known);
  }
}
