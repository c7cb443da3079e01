// One batch of a stop: its counts, its calls, and what is to be done with it next. It decides by
// counts, never by the status of a static batch.
import {
  type BatchCallRecord,
  type BatchFailure,
  type BatchReading,
  type BatchStop,
  MOST_RECORDED_CALLS,
} from "./batch-record.js";
import { Counts, PROOF_APART_MS } from "./counts.js";
import { flagsOfStates } from "./job-flags.js";
import type { BatchKind, JobFlags, JobRow, JobTaskState, OpenState } from "./job-operator.js";
import { JOB_TASK_STATES, OPEN_STATES } from "./job-operator.js";
import { Sweep } from "./sweep.js";

/** Counts follow a change at first after this time, then less and less often. */
export const FIRST_ROUND_MS = 2000;
const LONGEST_ROUND_MS = 60_000;
const ROUND_GROWTH = 1.5;

/**
 * A call for the whole batch has this time to show, before it is repeated, or the rest is swept.
 */
export const REPEAT_MS = 10_000;
/** Counts that begin earlier after a call do not decide on its repetition. */
const SHOWN_MS = REPEAT_MS / 2;
/** It is repeated while at least so many tasks are left; fewer are swept. */
const FEW_TASKS = 1000;
/** Calls for the whole batch that changed nothing, after which it is swept. */
const MOST_VAIN_CALLS = 3;

/** The part of a record that a process needs to take over a batch. */
export type KnownBatch = Pick<BatchStop, "before" | "strategyClosed" | "calls" | "callsMade" | "swept">;

export class StopBatch {
  row: JobRow;
  readonly kind: BatchKind;
  readonly counts = new Counts();
  readonly sweep: Sweep;
  readonly #states: readonly OpenState[];
  /** The last reading before anything was changed. */
  #before: BatchReading | undefined;
  strategyClosed = false;
  swept = 0;
  failure: BatchFailure | undefined;
  /** Nothing more is changed. */
  isGivenUp = false;
  /** How often the upstream was asked to close it. */
  closings = 0;
  /** States that are waiting to be counted, and those being counted. */
  toCount: JobTaskState[];
  readonly counting = new Set<JobTaskState>();
  #roundFailed = "";
  /** Why the last round is incomplete; empty if it is not. */
  incomplete = "";
  isRoundUnderWay = true;
  nextRoundMs = Infinity;
  roundBeganMs = -Infinity;
  #roundMs = FIRST_ROUND_MS;
  /** Tasks left at the last complete round. */
  left: number | undefined;
  #hadTasks: boolean;
  /** Rounds in a row with the same number left. */
  #sameRounds = 0;
  byJob: "to-do" | "under-way" | "done" | "refused";
  lastByJobMs = -Infinity;
  #changedMs = -Infinity;
  #vainCalls = 0;
  #calls: BatchCallRecord[] = [];
  callsMade = 0;

  constructor(row: JobRow & { readonly kind: BatchKind }, states: readonly OpenState[], known: KnownBatch | undefined) {
    this.row = row;
    this.kind = row.kind;
    this.#states = states;
    this.sweep = new Sweep(row.jobId, states);
    // Nothing says that a verification can be canceled as a whole.
    this.byJob = row.kind === "verify" ? "refused" : "to-do";
    // The asked-for states first: nothing is changed before they were counted, or it takes too
    // long.
    this.toCount = [...states, ...JOB_TASK_STATES.filter((state) => !(states as readonly string[]).includes(state))];
    this.#hadTasks = known !== undefined;
    if (!known) return;
    this.#before = known.before;
    this.strategyClosed = known.strategyClosed;
    this.swept = known.swept;
    this.#calls = [...known.calls];
    this.callsMade = known.callsMade;
  }

  get jobId(): string {
    return this.row.jobId;
  }

  get isPlanned(): boolean {
    return this.row.status === "PLANNED";
  }

  /**
   * Whether it was canceled before the stop, and has no open task, as far as is known: not worth a
   * report, unless it could not be counted.
   */
  get isOverBefore(): boolean {
    const hasTasks = this.left !== undefined && this.left > 0;
    const isTouched = hasTasks || this.#hadTasks || this.callsMade > 0 || this.swept > 0;
    return this.row.status === "CANCELED" && !isTouched && this.incomplete === "";
  }

  /** Whether the states that were asked for have been counted in this round. */
  get isCounted(): boolean {
    return !this.#states.some((state) => this.toCount.includes(state) || this.counting.has(state));
  }

  get flags(): JobFlags {
    const confirmable = this.counts.of("CONFIRM")?.total;
    return flagsOfStates(new Set(this.#states), { isPlanned: this.isPlanned, confirmable });
  }

  /** To be called before the first change: what is known of it now is how it was before. */
  freeze(wallMsOf: (ms: number) => number): void {
    this.#before ??= this.reading(wallMsOf, OPEN_STATES, "not counted before the stop began");
  }

  /** Takes up to `most` states to count now: those that were asked for, or the others. */
  takeToCount(isAsked: boolean, most: number): readonly JobTaskState[] {
    const asked: readonly string[] = this.#states;
    const fitting = this.toCount.filter((state) => asked.includes(state) === isAsked && !this.counting.has(state));
    const taken = fitting.slice(0, most);
    this.toCount = this.toCount.filter((state) => !taken.includes(state));
    for (const state of taken) this.counting.add(state);
    return taken;
  }

  /** A count that was made, or why there is none. */
  note(state: JobTaskState, count: number | string, sentMs: number, changedMs: number): void {
    this.counting.delete(state);
    const isAsked = (this.#states as readonly string[]).includes(state);
    if (typeof count === "number") this.counts.note(state, { total: count, sentMs }, changedMs);
    else if (isAsked) this.#roundFailed = count;
  }

  /** Ends the round once it is complete. Returns whether it has ended. */
  endRound(nowMs: number, changedMs: number): boolean {
    if (!this.isRoundUnderWay || !this.isCounted) return false;
    this.isRoundUnderWay = false;
    this.incomplete = this.#roundFailed;
    this.#roundFailed = "";
    if (this.incomplete === "") {
      const before = this.left;
      this.left = this.counts.sumOf(this.#states);
      this.#sameRounds = this.left === before ? this.#sameRounds + 1 : 0;
      this.#hadTasks ||= this.left !== 0;
    }
    if (this.left === 0) this.sweep.forgetPasses();
    const zeroMs = this.counts.zeroSinceMs(this.#states, changedMs);
    const isProved = this.isProvedEmpty(changedMs);
    const isGrowing = this.left !== 0 || isProved;
    // Rounds of what is proved would keep other batches waiting, and the end of the stop.
    if (isProved) this.#roundMs = LONGEST_ROUND_MS;
    else if (isGrowing) this.#roundMs = Math.min(this.#roundMs * ROUND_GROWTH, LONGEST_ROUND_MS);
    // A proof is not kept waiting; otherwise rounds become less frequent.
    this.nextRoundMs = zeroMs !== undefined && !isGrowing ? zeroMs + PROOF_APART_MS : nowMs + this.#roundMs;
    return true;
  }

  beginRound(nowMs: number): void {
    this.isRoundUnderWay = true;
    this.roundBeganMs = nowMs;
    this.toCount = [
      ...this.#states,
      ...this.toCount.filter((state) => !(this.#states as readonly string[]).includes(state)),
    ];
    this.nextRoundMs = Infinity;
  }

  /** Something was changed, so counts follow soon again. */
  changed(nowMs: number): void {
    this.#changedMs = nowMs;
    this.#roundMs = FIRST_ROUND_MS;
    this.#sameRounds = 0;
    if (!this.isRoundUnderWay) this.nextRoundMs = nowMs + FIRST_ROUND_MS;
  }

  /** Counts what was not counted since the last change, for the report. */
  countRest(changedMs: number): void {
    for (const state of JOB_TASK_STATES) {
      const isCounted = (this.counts.of(state)?.sentMs ?? -Infinity) >= changedMs;
      if (!isCounted && !this.toCount.includes(state)) this.toCount = [...this.toCount, state];
    }
  }

  isProvedEmpty(changedMs: number): boolean {
    return this.incomplete === "" && this.counts.areProvedZero(this.#states, changedMs);
  }

  /** The next step after a complete round with tasks left. */
  remedy(nowMs: number): "by-job" | "sweep" | "wait" {
    const { left = 0 } = this;
    if (left === 0 || this.isGivenUp || this.sweep.isUnderWay || this.byJob === "under-way") return "wait";
    const isStuck = this.byJob === "refused" || this.#vainCalls >= MOST_VAIN_CALLS;
    if (!isStuck && this.byJob === "to-do") return "by-job";
    // A call may be applied late. A planned batch that is swept meanwhile would stay planned.
    if (!isStuck && nowMs - this.lastByJobMs < REPEAT_MS) return "wait";
    // With many batches, the last round may be older than that: it says nothing of the call.
    if (!isStuck && this.roundBeganMs < this.lastByJobMs + SHOWN_MS) return "wait";
    if (!isStuck && left >= FEW_TASKS) return "by-job";
    // A list may lag behind: another pass would find the devices of the last one again.
    if (this.sweep.hasPassed && nowMs - this.#changedMs < REPEAT_MS) return "wait";
    // Falling counts say that it is still being applied.
    return (isStuck || this.#sameRounds > 0) && this.sweep.mayPass ? "sweep" : "wait";
  }

  beginSweep(): void {
    this.sweep.begin((state) => this.counts.of(state)?.total ?? 0);
  }

  beginByJob(nowMs: number): void {
    // A call that has left as many tasks as there were has had no effect so far.
    this.#vainCalls = this.byJob === "done" && this.#sameRounds > 0 ? this.#vainCalls + 1 : 0;
    this.byJob = "under-way";
    this.lastByJobMs = nowMs;
  }

  record(call: BatchCallRecord): void {
    this.callsMade++;
    this.#calls = [...this.#calls, call].slice(-MOST_RECORDED_CALLS);
  }

  /** `needed`: the states without which it is incomplete. */
  reading(
    wallMsOf: (ms: number) => number,
    needed: readonly JobTaskState[] = JOB_TASK_STATES,
    why = "not counted",
  ): BatchReading {
    const { jobId, status, created } = this.row;
    const missing = needed.filter((state) => !this.counts.of(state));
    const counted = JOB_TASK_STATES.filter((state) => this.counts.of(state));
    const countedMs = this.counts.countedMs(counted);
    return {
      ...{ jobId, status, created, kind: this.kind },
      counts: this.counts.totals(),
      incomplete: this.incomplete || (missing.length > 0 ? `${missing.join(", ")}: ${why}` : ""),
      countedWallMs: counted.length > 0 && countedMs !== undefined ? wallMsOf(countedMs) : undefined,
    };
  }

  stop(wallMsOf: (ms: number) => number): BatchStop {
    const after = this.reading(wallMsOf);
    const { strategyClosed, callsMade, swept, failure } = this;
    const calls = this.#calls;
    return { before: this.#before ?? after, after, strategyClosed, calls, callsMade, swept, left: this.left, failure };
  }
}
