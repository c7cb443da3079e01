// The stop of a rollout, as a machine without any I/O: it takes the ends of calls, and says which
// calls to make next. Plan, close the dynamic batches, cancel, settle, sweep, look again, report.
// It claims a rollout to be stopped only after two counts of 0 in each batch, five seconds apart
// and begun after the last change was answered, and after the batches were listed again.
import { BatchChanges } from "./batch-changes.js";
import type { BatchStop } from "./batch-record.js";
import { CountRounds } from "./count-rounds.js";
import { countIn } from "./counts.js";
import { endReasonOf } from "./end-reason.js";
import type { JobCallResult } from "./job-line.js";
import type { JobTaskState } from "./job-operator.js";
import { RolloutList } from "./rollout-list.js";
import type { StopBatch } from "./stop-batch.js";
import { StopBatches } from "./stop-batches.js";
import type { StopCall, StopCallEnd, StopConclusion, StopOrder, StopStep } from "./stop-call.js";
import { isBatchStopped, unclearStop } from "./stop-proof.js";

/** Counting delays the first change by no more than this. */
const PLAN_MS = 4000;
/** The batches are listed again after this time at the latest, for new ones and for what closed. */
const LIST_AGAIN_MS = 30_000;
const LIST_SOON_MS = 5000;
/** Repeated calls extend the time to settle by this at most. */
const LONGEST_EXTENSION_MS = 30 * 60_000;

export class StopMachine {
  readonly #order: StopOrder;
  readonly #list: RolloutList;
  readonly #known: ReadonlyMap<string, BatchStop>;
  readonly #wallMsOf: (ms: number) => number;
  readonly #batches: StopBatches;
  readonly #changes: BatchChanges;
  readonly #rounds: CountRounds;
  #planUntilMs = Infinity;
  #plannedMs: number | undefined;
  #isPlanned = false;
  #underWay = 0;
  #nextListMs = Infinity;
  #isFinal = false;
  #isInterrupted = false;
  #conclusion: StopConclusion | undefined;

  /**
   * `known`: what a process has recorded that did not finish this stop. Its calls may still be on
   * their way.
   */
  constructor(
    order: StopOrder,
    nowMs: number,
    wallMsOf: (ms: number) => number,
    known: ReadonlyMap<string, BatchStop> = new Map(),
  ) {
    this.#order = order;
    this.#known = known;
    this.#wallMsOf = wallMsOf;
    this.#batches = new StopBatches(order, known);
    this.#changes = new BatchChanges(order, this.#batches.all, known.size > 0 ? nowMs : -Infinity);
    this.#rounds = new CountRounds(order, this.#batches.all, this.#changes);
    this.#list = new RolloutList(order);
    this.#list.begin();
  }

  get conclusion(): StopConclusion | undefined {
    return this.#conclusion;
  }

  get step(): StopStep {
    if (this.#conclusion) return "done";
    if (!this.#isPlanned) return "plan";
    const batches = this.#all;
    if (batches.some((batch) => this.#changes.isToClose(batch))) return "close";
    if (batches.some(({ byJob }) => byJob === "under-way")) return "cancel";
    return batches.some(({ sweep }) => sweep.isUnderWay) ? "sweep" : "settle";
  }

  get #all(): readonly StopBatch[] {
    return [...this.#batches.all.values()];
  }

  /** The state of each batch as far as it is known now. */
  batches(): readonly BatchStop[] {
    const reported = this.#all.filter(({ isOverBefore }) => !isOverBefore);
    return [...reported.map((batch) => batch.stop(this.#wallMsOf)), ...this.#batches.unlisted];
  }

  /** Changes nothing more; counts once more, and concludes. */
  interrupt(nowMs: number): void {
    this.#isInterrupted = true;
    if (!this.#isPlanned) this.#plan(nowMs);
    this.#finish(nowMs);
  }

  /** The calls to make now. Each has to be ended. */
  next(nowMs: number): StopCall[] {
    if (this.#conclusion) return [];
    this.#advance(nowMs);
    const changes = this.#isPlanned && !this.#isFinal ? this.#changes.next(nowMs) : [];
    let calls: StopCall[] = [...this.#list.next(), ...changes, ...this.#rounds.next()];
    if (calls.length === 0) {
      this.#concludeIfOver();
      calls = this.#list.next();
    }
    this.#underWay += calls.length;
    return calls;
  }

  /** When to ask for calls again, if none ends before. To be called after `next`. */
  wakeMs(nowMs: number): number {
    const times = [
      this.#planUntilMs,
      this.#nextListMs,
      this.#settledMs(nowMs),
      ...this.#changes.times(),
      ...this.#rounds.times(),
    ];
    return times.reduce((least, time) => (time > nowMs ? Math.min(least, time) : least), Infinity);
  }

  ended(call: StopCall, result: StopCallEnd): void {
    this.#underWay--;
    const { end, endedMs, sentMs } = result;
    switch (call.operation) {
      case "ListOTAJobByFirmware":
      case "QueryOTAJob":
        if (end.kind !== "swept") this.#list.ended(call, end, sentMs);
        if (!this.#list.isReading) this.#listed(endedMs);
        return;
      case "ListOTATaskByJob":
        if (end.kind === "swept") return;
        if (call.pageSize === 1 && call.state) this.#counted(call.jobId, call.state, { ...result, end });
        else this.#batches.all.get(call.jobId)?.sweep.read(end.kind === "accepted" ? end.answer : undefined);
        return;
      default:
        this.#changes.ended(call, result);
        if (this.#isFinal) this.#countAgain(endedMs);
    }
  }

  /** Moves on with the time. */
  #advance(nowMs: number): void {
    const batches = this.#all;
    if (!this.#isPlanned && this.#list.reading && !this.#list.isReading) {
      const isCounted = batches.every((batch) => batch.isCounted || batch.row.status === "CANCELED");
      if (isCounted || nowMs >= this.#planUntilMs) this.#plan(nowMs);
    }
    if (this.#isFinal) return;
    if (this.#isPlanned && nowMs >= this.#settledMs(nowMs)) {
      this.#finish(nowMs);
      return;
    }
    this.#rounds.begin(nowMs);
    if (this.#list.isReading || nowMs < this.#nextListMs) return;
    this.#nextListMs = Infinity;
    this.#list.begin();
  }

  #plan(nowMs: number): void {
    this.#isPlanned = true;
    this.#plannedMs ??= nowMs;
    this.#nextListMs = nowMs + LIST_AGAIN_MS;
    for (const batch of this.#all) batch.freeze(this.#wallMsOf);
  }

  /** The last reading of everything. */
  #finish(nowMs: number): void {
    if (this.#isFinal) return;
    this.#isFinal = true;
    for (const batch of this.#all) {
      batch.sweep.stop();
      if (!batch.isRoundUnderWay) batch.beginRound(nowMs);
      batch.countRest(this.#changes.changedMs);
    }
    if (!this.#list.isReading) this.#list.begin();
  }

  /** The last counts began before the last change was answered. */
  #countAgain(nowMs: number): void {
    const { changedMs, sinceMs } = this.#changes;
    if (sinceMs === Infinity) return;
    for (const batch of this.#all) {
      if (batch.roundBeganMs >= changedMs) continue;
      batch.beginRound(nowMs);
      batch.countRest(changedMs);
    }
  }

  /** However short the time to settle is, each batch has the calls that it needs first. */
  #settledMs(nowMs: number): number {
    const plannedMs = this.#plannedMs ?? Infinity;
    const mostMs = plannedMs + this.#order.settleMs + LONGEST_EXTENSION_MS;
    if (this.#changes.isPending(nowMs)) return mostMs;
    return Math.min(Math.max(this.#changes.changedMs, plannedMs) + this.#order.settleMs, mostMs);
  }

  #listed(nowMs: number): void {
    const { reading, failure } = this.#list;
    const isNew = this.#plannedMs === undefined && this.#known.size === 0;
    if (!reading || failure) {
      if (isNew)
        this.#conclusion = { kind: "unplanned", reason: "unreadable", message: failure?.message ?? "", end: failure };
      else if (!this.#isFinal) this.#nextListMs = nowMs + LIST_SOON_MS;
      return;
    }
    const taken = this.#batches.take(reading, this.#isFinal);
    if (typeof taken === "object") this.#conclusion = taken;
    if (taken === "more") this.#isPlanned = false;
    if (taken === "first" || taken === "more") this.#planUntilMs = nowMs + PLAN_MS;
    if (taken !== "same" || !this.#isPlanned || this.#isFinal) return;
    // The list has still to say that a batch was closed.
    const isPending = this.#all.some(({ strategyClosed, row }) => strategyClosed && row.status !== "CANCELED");
    this.#nextListMs = nowMs + (isPending ? LIST_SOON_MS : LIST_AGAIN_MS);
  }

  #counted(jobId: string, state: JobTaskState, { end, sentMs, endedMs }: JobCallResult): void {
    const batch = this.#batches.all.get(jobId);
    const count = end.kind === "accepted" ? countIn(end.answer, state) : `not counted: ${endReasonOf(end)}`;
    batch?.note(state, count, sentMs ?? endedMs, this.#sinceMs());
    if (!batch?.endRound(endedMs, this.#sinceMs()) || batch.left !== 0 || !this.#isPlanned) return;
    if (!batch.isOverBefore) batch.countRest(this.#changes.changedMs);
    // The list is read again once all is quiet.
    const isQuiet = this.#all.every(({ left }) => left === 0);
    if (isQuiet && (this.#list.reading?.sentMs ?? -Infinity) < this.#changes.changedMs) this.#nextListMs = endedMs;
  }

  /** Counts that began before this time prove nothing. */
  #sinceMs(): number {
    return Math.max(this.#changes.sinceMs, this.#plannedMs ?? -Infinity);
  }

  #concludeIfOver(): void {
    const { reading, readings } = this.#list;
    if (this.#underWay > 0 || !reading || this.#list.isReading || !this.#isPlanned) return;
    const batches = this.#all;
    if (batches.some(({ toCount }) => toCount.length > 0)) return;
    const isListed = readings > 1 && !this.#list.failure && reading.sentMs >= this.#changes.changedMs;
    const stopped =
      isListed &&
      this.#batches.unlisted.length === 0 &&
      !this.#batches.hasMissed &&
      batches.every((batch) => isBatchStopped(batch, this.#order, this.#changes.changedMs, this.#sinceMs()));
    if (!stopped && !this.#isFinal) {
      // All that is missing may be one more list.
      const isProved = batches.every((batch) => batch.isProvedEmpty(this.#sinceMs()));
      if (isProved && readings === 1) this.#list.begin();
      return;
    }
    // Those with a record are in the report already.
    const untouched = [...reading.unclear].filter(([jobId]) => !this.#known.has(jobId));
    const unclear = untouched.map(([jobId, why]) => unclearStop(jobId, why));
    const { otherOpenJobs, etag } = this.#batches;
    this.#conclusion = {
      ...{ kind: "report", stopped: stopped && reading.unclear.size === 0, isInterrupted: this.#isInterrupted },
      ...{ batches: [...this.batches(), ...unclear], otherOpenJobs, etag },
    };
  }
}
