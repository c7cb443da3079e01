// The stop of a rollout, as a machine without any I/O: it takes the ends of calls, and says which
// calls to make next. Plan, close the dynamic batches, cancel, settle, sweep, look again, report.
// It claims a rollout to be stopped only after two counts of 0 in each batch, five seconds apart
// and begun after the last change was answered, and after the batches were listed again.
import { JOB_TASK_STATES, type JobRow, type JobTaskState } from "../gateway/job-operator.js";
import { BatchChanges } from "./batch-changes.js";
import { isOfRollout, isOpenStatus, mayHaveOpenTasks } from "./batch-status.js";
import { countCall, countIn } from "./counts.js";
import { etagOf, hasNewJob } from "./etag.js";
import type { BatchStop } from "./job-stop.js";
import { RolloutList } from "./rollout-list.js";
import { FIRST_ROUND_MS, type KnownBatch, StopBatch } from "./stop-batch.js";
import {
  endReasonOf,
  type StopCall,
  type StopCallEnd,
  type StopConclusion,
  type StopOrder,
  type StopStep,
} from "./stop-call.js";

/** Counting delays the first change by no more than this. */
const PLAN_MS = 4000;
/** Counts under way at a time: enough for slow answers, few enough for a sweep to get its turn. */
const MOST_COUNTING = 12;
/** The batches are listed again after this time at the latest, for new ones and for what closed. */
const LIST_AGAIN_MS = 30_000;
const LIST_SOON_MS = 5000;
/** Repeated calls extend the time to settle by this at most. */
const LONGEST_EXTENSION_MS = 30 * 60_000;

export class RolloutStop {
  readonly #order: StopOrder;
  readonly #list: RolloutList;
  readonly #known: ReadonlyMap<string, KnownBatch>;
  readonly #wallMsOf: (ms: number) => number;
  readonly #batches = new Map<string, StopBatch>();
  readonly #changes: BatchChanges;
  #other: readonly string[] = [];
  #etag = "";
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
    known: ReadonlyMap<string, KnownBatch> = new Map(),
  ) {
    this.#order = order;
    this.#known = known;
    this.#wallMsOf = wallMsOf;
    this.#changes = new BatchChanges(order, this.#batches, known.size > 0 ? nowMs : -Infinity);
    this.#list = new RolloutList(order);
    this.#list.begin();
  }

  get conclusion(): StopConclusion | undefined {
    return this.#conclusion;
  }

  get step(): StopStep {
    if (this.#conclusion) return "done";
    if (!this.#isPlanned) return "plan";
    const batches = [...this.#batches.values()];
    if (batches.some((batch) => this.#changes.isToClose(batch))) return "close";
    if (batches.some(({ byJob }) => byJob === "under-way")) return "cancel";
    return batches.some(({ sweep }) => sweep.isUnderWay) ? "sweep" : "settle";
  }

  /** What is known of each batch now. */
  batches(): readonly BatchStop[] {
    const reported = [...this.#batches.values()].filter(({ isOverBefore }) => !isOverBefore);
    return reported.map((batch) => batch.stop(this.#wallMsOf));
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
    let calls: StopCall[] = [...this.#list.next(), ...changes, ...this.#counts()];
    if (calls.length === 0) {
      this.#concludeIfOver();
      calls = this.#list.next();
    }
    this.#underWay += calls.length;
    return calls;
  }

  /** When to ask for calls again, if none ends before. What is due now has been seen to. */
  wakeMs(nowMs: number): number {
    const times = [this.#planUntilMs, this.#nextListMs, this.#settledMs(), ...this.#changes.times()];
    for (const batch of this.#batches.values()) if (!batch.isRoundUnderWay) times.push(this.#nextRoundMs(batch));
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
        if (call.pageSize === 1 && call.state) this.#counted(call.jobId, call.state, result);
        else this.#batches.get(call.jobId)?.sweep.read(end.kind === "accepted" ? end.answer : undefined);
        return;
      default:
        this.#changes.ended(call, result);
    }
  }

  /** Moves on with the time. */
  #advance(nowMs: number): void {
    const batches = [...this.#batches.values()];
    if (!this.#isPlanned && this.#list.reading && !this.#list.isReading) {
      const isCounted = batches.every((batch) => batch.isCounted || batch.row.status === "CANCELED");
      if (isCounted || nowMs >= this.#planUntilMs) this.#plan(nowMs);
    }
    if (this.#isFinal) return;
    if (this.#isPlanned && nowMs >= this.#settledMs()) {
      this.#finish(nowMs);
      return;
    }
    this.#beginRounds(batches, nowMs);
    if (this.#list.isReading || nowMs < this.#nextListMs) return;
    this.#nextListMs = Infinity;
    this.#list.begin();
  }

  /** Begins the rounds that are due, the longest due first; none while others wait to be counted. */
  #beginRounds(batches: readonly StopBatch[], nowMs: number): void {
    const due = batches.filter((batch) => !batch.isRoundUnderWay && nowMs >= this.#nextRoundMs(batch));
    let waiting = batches.reduce((sum, { toCount }) => sum + toCount.length, 0);
    for (const batch of due.sort((a, b) => this.#nextRoundMs(a) - this.#nextRoundMs(b))) {
      if (waiting >= MOST_COUNTING) return;
      batch.beginRound(nowMs);
      waiting += this.#order.states.length;
    }
  }

  #plan(nowMs: number): void {
    this.#isPlanned = true;
    this.#plannedMs ??= nowMs;
    this.#nextListMs = nowMs + LIST_AGAIN_MS;
    for (const batch of this.#batches.values()) batch.freeze(this.#wallMsOf);
  }

  /** The last reading of everything. */
  #finish(nowMs: number): void {
    if (this.#isFinal) return;
    this.#isFinal = true;
    for (const batch of this.#batches.values()) {
      batch.sweep.stop();
      if (!batch.isRoundUnderWay) batch.beginRound(nowMs);
      batch.countRest(this.#changes.changedMs);
    }
    if (!this.#list.isReading) this.#list.begin();
  }

  /** A change of one batch may have changed another, so that its counts from before prove nothing. */
  #nextRoundMs(batch: StopBatch): number {
    const { changedMs, isQuiet } = this.#changes;
    const isStale = isQuiet && batch.roundBeganMs < changedMs;
    return isStale ? Math.min(batch.nextRoundMs, changedMs + FIRST_ROUND_MS) : batch.nextRoundMs;
  }

  #settledMs(): number {
    const plannedMs = this.#plannedMs ?? Infinity;
    const sinceMs = Math.max(this.#changes.changedMs, plannedMs) + this.#order.settleMs;
    return Math.min(sinceMs, plannedMs + this.#order.settleMs + LONGEST_EXTENSION_MS);
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
    const own = reading.rows.filter((row) => isOfRollout(row, this.#order));
    const open = own.filter(({ status }) => isOpenStatus(status)).map(({ jobId }) => jobId);
    this.#etag = etagOf(open);
    const objection = isNew ? objectionTo(this.#order, own, open) : undefined;
    if (objection) {
      this.#conclusion = objection;
      return;
    }
    const isFirst = this.#list.readings === 1;
    for (const row of own) this.#take(row, isFirst, nowMs);
    this.#other = open.filter((jobId) => !this.#batches.has(jobId));
    if (isFirst) this.#planUntilMs = nowMs + PLAN_MS;
    else if (this.#isPlanned && !this.#isFinal) {
      // The list has still to say that a batch was closed.
      const batches = [...this.#batches.values()];
      const isPending = batches.some(({ strategyClosed, row }) => strategyClosed && row.status !== "CANCELED");
      this.#nextListMs = nowMs + (isPending ? LIST_SOON_MS : LIST_AGAIN_MS);
    }
  }

  /** Takes a listed batch into the stop, or notes its status. */
  #take(row: JobRow, isFirst: boolean, nowMs: number): void {
    const batch = this.#batches.get(row.jobId);
    if (batch) {
      batch.row = row;
      return;
    }
    const known = this.#known.get(row.jobId);
    const isWanted = isFirst ? mayHaveOpenTasks(row.status) : this.#order.includeNewJobs && isOpenStatus(row.status);
    if (row.kind === undefined || this.#isFinal || !(known || isWanted)) return;
    this.#batches.set(row.jobId, new StopBatch({ ...row, kind: row.kind }, this.#order.states, known));
    if (isFirst) return;
    this.#isPlanned = false;
    this.#planUntilMs = nowMs + PLAN_MS;
  }

  #counted(jobId: string, state: JobTaskState, { end, sentMs, endedMs }: StopCallEnd): void {
    const batch = this.#batches.get(jobId);
    const count = end.kind === "accepted" ? countIn(end.answer, state) : `not counted: ${endReasonOf(end)}`;
    batch?.note(state, count, sentMs ?? endedMs, this.#sinceMs());
    if (!batch?.endRound(endedMs, this.#sinceMs()) || batch.left !== 0 || !this.#isPlanned) return;
    if (!batch.isOverBefore) batch.countRest(this.#changes.changedMs);
    // The list is read again once all is quiet.
    const isQuiet = [...this.#batches.values()].every(({ left }) => left === 0);
    if (isQuiet && (this.#list.reading?.sentMs ?? -Infinity) < this.#changes.changedMs) this.#nextListMs = endedMs;
  }

  /** Counts that began before this time prove nothing. */
  #sinceMs(): number {
    return Math.max(this.#changes.sinceMs, this.#plannedMs ?? -Infinity);
  }

  /** The counts to make, those that something waits for first. */
  #counts(): StopCall[] {
    const batches = [...this.#batches.values()];
    let room = MOST_COUNTING - batches.reduce((sum, { counting }) => sum + counting.size, 0);
    const calls: StopCall[] = [];
    for (const isAsked of [true, false]) {
      for (const batch of batches) {
        const states = batch.takeToCount(isAsked, room);
        calls.push(...states.map((state) => countCall(batch.jobId, state)));
        room -= states.length;
      }
    }
    return calls;
  }

  #concludeIfOver(): void {
    const { reading, readings } = this.#list;
    if (this.#underWay > 0 || !reading || this.#list.isReading || !this.#isPlanned) return;
    const batches = [...this.#batches.values()];
    if (batches.some(({ toCount }) => toCount.length > 0)) return;
    const isListed = readings > 1 && !this.#list.failure && reading.sentMs >= this.#changes.changedMs;
    const stopped = isListed && batches.every((batch) => this.#isStopped(batch));
    if (!stopped && !this.#isFinal) {
      // All that is missing may be one more list.
      const isProved = batches.every((batch) => batch.isProvedEmpty(this.#sinceMs()));
      if (isProved && readings === 1) this.#list.begin();
      return;
    }
    const unclear = [...reading.unclear].map(([jobId, why]) => unclearStop(jobId, why));
    this.#conclusion = {
      ...{ kind: "report", stopped: stopped && unclear.length === 0, isInterrupted: this.#isInterrupted },
      ...{ batches: [...this.batches(), ...unclear], otherOpenJobs: this.#other, etag: this.#etag },
    };
  }

  #isStopped(batch: StopBatch): boolean {
    const { kind, row, isPlanned, isOverBefore, counts } = batch;
    const { changedMs } = this.#changes;
    const isClosed = kind !== "dynamic" || this.#order.keepStrategies || row.status === "CANCELED";
    const isRead = JOB_TASK_STATES.every((state) => (counts.of(state)?.sentMs ?? -Infinity) >= changedMs);
    return isClosed && !isPlanned && (isRead || isOverBefore) && batch.isProvedEmpty(this.#sinceMs());
  }
}

/** Why nothing may be changed; undefined if it may. */
function objectionTo(
  { jobId, etag }: StopOrder,
  own: readonly JobRow[],
  open: readonly string[],
): StopConclusion | undefined {
  const objection = { kind: "unplanned", end: undefined } as const;
  if (jobId !== "" && own.length === 0) {
    return { ...objection, reason: "foreign", message: "the batch is of another product or package" };
  }
  if (etag === "" || !hasNewJob(etag, open)) return undefined;
  const message = "the rollout has batches that it did not have when it was read; read it again";
  return { ...objection, reason: "changed", message };
}

/** A batch that the upstream does not say enough about is not touched. */
function unclearStop(jobId: string, why: string): BatchStop {
  const reading = { jobId, kind: undefined, status: "", created: "", counts: {}, countedWallMs: undefined };
  const unread = { ...reading, incomplete: why };
  const none = { strategyClosed: false, calls: [], callsMade: 0, swept: 0, left: undefined };
  return { before: unread, after: unread, ...none, failure: { message: `not touched: ${why}` } };
}
