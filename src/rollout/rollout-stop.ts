// The stop of a rollout, as a machine without any I/O: it takes the ends of calls, and says which
// calls to make next. Plan, close the dynamic batches, cancel, settle, sweep, look again, report.
// It claims a rollout to be stopped only after two counts of 0 in each batch, five seconds apart
// and begun after the last change was answered, and after the batches were listed again.
import type { JobCall, JobCallEnd, JobRow, JobTaskState, OpenState } from "../gateway/job-operator.js";
import { JOB_TASK_STATES } from "../gateway/job-operator.js";
import { Batch, FIRST_ROUND_MS, type KnownBatch, REPEAT_MS } from "./batch.js";
import { isOfRollout, isOpenStatus, isOverAlready, mayHaveOpenTasks } from "./batch-status.js";
import { countCall, countIn } from "./counts.js";
import { etagOf, hasNewJob } from "./etag.js";
import type { BatchStop } from "./job-stop.js";
import { RolloutList, type RolloutScope } from "./rollout-list.js";
import type { SweepCall } from "./sweep.js";

export interface StopOrder extends RolloutScope {
  /** Which tasks to cancel; at least one. */
  readonly states: readonly OpenState[];
  readonly keepStrategies: boolean;
  readonly includeNewJobs: boolean;
  /** What the rollout was when it was read; empty for no such condition. */
  readonly etag: string;
  readonly settleMs: number;
  /** The longest time of a call. */
  readonly callTimeoutMs: number;
}

export type StopCall = JobCall | SweepCall;

/** How a call ended. A sweep reports for how many devices the upstream said Success. */
export interface StopCallEnd {
  readonly end:
    | JobCallEnd
    | { readonly kind: "withdrawn"; readonly message: string }
    | { readonly kind: "swept"; readonly accepted: number };
  /** Undefined if nothing was sent. */
  readonly sentMs: number | undefined;
  readonly sentWallMs: number | undefined;
  readonly endedMs: number;
  readonly attempts: number;
}

export type StopStep = "plan" | "close" | "cancel" | "settle" | "sweep" | "done";

export type StopConclusion =
  | {
      readonly kind: "report";
      readonly stopped: boolean;
      /** It was told to change nothing more. */
      readonly isInterrupted: boolean;
      readonly batches: readonly BatchStop[];
      readonly otherOpenJobs: readonly string[];
      readonly etag: string;
    }
  /** Nothing was changed. */
  | {
      readonly kind: "unplanned";
      readonly reason: "unreadable" | "foreign" | "changed";
      readonly message: string;
      readonly end: RolloutList["failure"];
    };

/** Counting delays the first change by no more than this. */
const PLAN_MS = 4000;
/** Counts under way at a time: enough for slow answers, few enough for a sweep to get its turn. */
const MOST_COUNTING = 12;
const RETRY_MS = 2000;
const MOST_CLOSINGS = 10;
/** The batches are listed again after this time at the latest, for new ones and for what closed. */
const LIST_AGAIN_MS = 30_000;
const LIST_SOON_MS = 5000;
/** A request whose connection broke may still be on its way. */
const TRAVEL_MS = 1000;
/** Repeated calls may extend the time to settle by this at the most. */
const LONGEST_EXTENSION_MS = 30 * 60_000;

export class RolloutStop {
  readonly #order: StopOrder;
  readonly #list: RolloutList;
  readonly #known: ReadonlyMap<string, KnownBatch>;
  readonly #wallMsOf: (ms: number) => number;
  readonly #batches = new Map<string, Batch>();
  #other: readonly string[] = [];
  #etag = "";
  #planUntilMs = Infinity;
  #plannedMs: number | undefined;
  #isPlanned = false;
  /** When the last change was answered. */
  #changedMs: number;
  #changing = 0;
  #underWay = 0;
  #nextListMs = Infinity;
  readonly #closeAgainMs = new Map<string, number>();
  #closing = new Set<string>();
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
    this.#list = new RolloutList(order);
    this.#list.begin();
    this.#changedMs = known.size > 0 ? nowMs + order.callTimeoutMs + TRAVEL_MS : -Infinity;
  }

  get conclusion(): StopConclusion | undefined {
    return this.#conclusion;
  }

  get step(): StopStep {
    if (this.#conclusion) return "done";
    if (!this.#isPlanned) return "plan";
    const batches = [...this.#batches.values()];
    if (batches.some((batch) => this.#isToClose(batch))) return "close";
    if (batches.some(({ byJob }) => byJob === "under-way")) return "cancel";
    return batches.some(({ sweep }) => sweep.isUnderWay) ? "sweep" : "settle";
  }

  /** What is known of each batch now. */
  batches(): readonly BatchStop[] {
    return [...this.#batches.values()].filter(({ isOverBefore }) => !isOverBefore).map((batch) => batch.stop(this.#wallMsOf));
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
    const calls = [...this.#list.next(), ...this.#changes(nowMs), ...this.#counts()];
    this.#underWay += calls.length;
    if (calls.length > 0) return calls;
    this.#concludeIfOver();
    const list = this.#list.next();
    this.#underWay += list.length;
    return list;
  }

  /** When to ask for calls again, if none ends before. What is due now has been seen to. */
  wakeMs(nowMs: number): number {
    const times = [this.#isPlanned ? Infinity : this.#planUntilMs, this.#nextListMs, ...this.#closeAgainMs.values()];
    if (this.#isPlanned && !this.#isFinal) times.push(this.#settledMs());
    for (const batch of this.#batches.values()) {
      if (!batch.isRoundUnderWay) times.push(this.#nextRoundMs(batch));
      times.push(batch.lastByJobMs + RETRY_MS, batch.lastByJobMs + REPEAT_MS);
    }
    return times.reduce((least, time) => (time > nowMs ? Math.min(least, time) : least), Infinity);
  }

  ended(call: StopCall, result: StopCallEnd): void {
    this.#underWay--;
    switch (call.operation) {
      case "ListOTAJobByFirmware":
      case "QueryOTAJob":
        if (result.end.kind !== "swept") this.#list.ended(call, result.end, result.sentMs);
        if (!this.#list.isReading) this.#listed(result.endedMs);
        return;
      case "ListOTATaskByJob":
        if (call.pageSize === 1 && call.state) this.#counted(call.jobId, call.state, result);
        else this.#batches.get(call.jobId)?.sweep.read(answerOf(result));
        return;
      case "CancelOTAStrategyByJob":
        this.#changed(call, result);
        return this.#closed(this.#batches.get(call.jobId), result);
      case "CancelOTATaskByJob":
        this.#changed(call, result);
        return canceled(this.#batches.get(call.jobId), result);
      case "CancelOTATaskByDevice": {
        this.#changed(call, result);
        const batch = this.#batches.get(call.jobId);
        if (batch && result.end.kind === "swept") batch.swept += result.end.accepted;
        batch?.sweep.canceled();
      }
    }
  }

  /** Moves on with the time. */
  #advance(nowMs: number): void {
    if (!this.#isPlanned && this.#list.reading && !this.#list.isReading) {
      const isCounted = [...this.#batches.values()].every(
        (batch) => batch.isCounted || batch.row.status === "CANCELED",
      );
      if (isCounted || nowMs >= this.#planUntilMs) this.#plan(nowMs);
    }
    if (this.#isPlanned && !this.#isFinal && nowMs >= this.#settledMs()) this.#finish(nowMs);
    for (const batch of this.#batches.values()) {
      if (!this.#isFinal && !batch.isRoundUnderWay && nowMs >= this.#nextRoundMs(batch)) batch.beginRound(nowMs);
    }
    if (!this.#list.isReading && nowMs >= this.#nextListMs && !this.#isFinal) {
      this.#nextListMs = Infinity;
      this.#list.begin();
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
    this.#closeAgainMs.clear();
    this.#nextListMs = Infinity;
    for (const batch of this.#batches.values()) {
      batch.sweep.stop();
      if (!batch.isRoundUnderWay) batch.beginRound(nowMs);
      batch.countRest(this.#changedMs);
    }
    if (!this.#list.isReading) this.#list.begin();
  }

  /** A change of one batch may have changed another, so that its counts from before prove nothing. */
  #nextRoundMs(batch: Batch): number {
    const isQuiet = this.#changing === 0 && ![...this.#batches.values()].some(({ sweep }) => sweep.isUnderWay);
    const isStale = isQuiet && batch.roundBeganMs < this.#changedMs;
    return isStale ? Math.min(batch.nextRoundMs, this.#changedMs + FIRST_ROUND_MS) : batch.nextRoundMs;
  }

  #settledMs(): number {
    const plannedMs = this.#plannedMs ?? Infinity;
    const sinceMs = Math.max(this.#changedMs, plannedMs) + this.#order.settleMs;
    return Math.min(sinceMs, plannedMs + this.#order.settleMs + LONGEST_EXTENSION_MS);
  }

  #listed(nowMs: number): void {
    const { reading, failure } = this.#list;
    if (!reading || failure) {
      const isNew = this.#plannedMs === undefined && this.#known.size === 0;
      if (isNew) this.#conclusion = unplanned("unreadable", failure?.message ?? "", failure);
      else if (!this.#isFinal) this.#nextListMs = nowMs + LIST_SOON_MS;
      return;
    }
    const { rows } = reading;
    const own = rows.filter((row) => isOfRollout(row, this.#order));
    if (this.#order.jobId !== "" && own.length === 0) {
      const message = "the batch is of another product or package";
      if (this.#plannedMs === undefined) this.#conclusion = unplanned("foreign", message, undefined);
      return;
    }
    const open = own.filter(({ status }) => isOpenStatus(status)).map(({ jobId }) => jobId);
    this.#etag = etagOf(open);
    if (this.#order.etag !== "" && this.#plannedMs === undefined && this.#known.size === 0 && hasNewJob(this.#order.etag, open)) {
      const message = "the rollout has batches that it did not have when it was read; read it again";
      this.#conclusion = unplanned("changed", message, undefined);
      return;
    }
    const isFirst = this.#list.readings === 1;
    for (const row of own) this.#take(row, isFirst, nowMs);
    this.#other = open.filter((jobId) => !this.#batches.has(jobId));
    if (isFirst) this.#planUntilMs = nowMs + PLAN_MS;
    else if (this.#isPlanned && !this.#isFinal) {
      const isPending = [...this.#batches.values()].some((batch) => this.#awaitsStatus(batch));
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
    this.#batches.set(row.jobId, new Batch({ ...row, kind: row.kind }, this.#order.states, known));
    if (isFirst) return;
    this.#isPlanned = false;
    this.#planUntilMs = nowMs + PLAN_MS;
  }

  #counted(jobId: string, state: JobTaskState, result: StopCallEnd): void {
    const batch = this.#batches.get(jobId);
    const { end, sentMs = result.endedMs, endedMs } = result;
    const count = end.kind === "accepted" ? countIn(end.answer, state) : `not counted: ${reasonOf(end)}`;
    batch?.note(state, count, sentMs, this.#sinceMs());
    if (!batch?.endRound(endedMs, this.#sinceMs())) return;
    if (batch.left === 0 && this.#isPlanned) {
      if (!batch.isOverBefore) batch.countRest(this.#changedMs);
      // The list is read again once all is quiet.
      const isQuiet = [...this.#batches.values()].every(({ left }) => left === 0);
      if (isQuiet && (this.#list.reading?.sentMs ?? -Infinity) < this.#changedMs) this.#nextListMs = endedMs;
    }
  }

  /** Counts that began before this time prove nothing. */
  #sinceMs(): number {
    return this.#changing > 0 ? Infinity : Math.max(this.#changedMs, this.#plannedMs ?? -Infinity);
  }

  /** The calls that change something. */
  #changes(nowMs: number): StopCall[] {
    if (!this.#isPlanned || this.#isFinal) return [];
    const batches = [...this.#batches.values()];
    const calls: StopCall[] = [];
    for (const { jobId } of batches.filter((batch) => this.#isToClose(batch))) {
      if (this.#closing.has(jobId) || nowMs < (this.#closeAgainMs.get(jobId) ?? -Infinity)) continue;
      this.#closing.add(jobId);
      calls.push({ operation: "CancelOTAStrategyByJob", jobId });
    }
    // Otherwise devices whose tasks are canceled may join a batch that is still open.
    const isClosing = batches.some((batch) => this.#isToClose(batch) && batch.closings === 0);
    for (const batch of isClosing ? [] : batches) {
      if (batch.isGivenUp || this.#isToClose(batch)) continue;
      if (this.#wantsByJob(batch, nowMs)) {
        batch.beginByJob(nowMs);
        calls.push({ operation: "CancelOTATaskByJob", jobId: batch.jobId, flags: batch.flags });
      } else if (!batch.isRoundUnderWay && batch.incomplete === "" && batch.remedy(nowMs) === "sweep") {
        batch.beginSweep();
      }
      calls.push(...batch.sweep.next());
    }
    this.#changing += calls.filter(isChange).length;
    return calls;
  }

  #isToClose({ kind, strategyClosed, isGivenUp, row }: Batch): boolean {
    return (
      kind === "dynamic" && !this.#order.keepStrategies && !strategyClosed && !isGivenUp && row.status !== "CANCELED"
    );
  }

  #wantsByJob(batch: Batch, nowMs: number): boolean {
    const { byJob, left, lastByJobMs, row, isPlanned, flags } = batch;
    if (batch.sweep.isUnderWay) return false;
    if (byJob === "done") return !batch.isRoundUnderWay && batch.incomplete === "" && batch.remedy(nowMs) === "by-job";
    if (byJob !== "to-do" || nowMs - lastByJobMs < RETRY_MS) return false;
    return left === undefined ? row.status !== "CANCELED" : left > 0 || (isPlanned && flags.scheduled);
  }

  /** The counts to make, those that something waits for first. */
  #counts(): StopCall[] {
    const batches = [...this.#batches.values()];
    let room = MOST_COUNTING - batches.reduce((sum, { counting }) => sum + counting.size, 0);
    const calls: StopCall[] = [];
    const asked: readonly string[] = this.#order.states;
    for (const isAsked of [true, false]) {
      for (const batch of batches) {
        for (const state of batch.toCount.filter((each) => asked.includes(each) === isAsked)) {
          if (room === 0) return calls;
          if (batch.counting.has(state)) continue;
          batch.toCount = batch.toCount.filter((each) => each !== state);
          batch.counting.add(state);
          calls.push(countCall(batch.jobId, state));
          room--;
        }
      }
    }
    return calls;
  }

  #changed(call: StopCall, { end, endedMs, sentMs, sentWallMs, attempts }: StopCallEnd): void {
    this.#changing--;
    const batch = this.#batches.get(call.operation === "ListOTAJobByFirmware" ? "" : call.jobId);
    // Nothing was sent, or the upstream refused to do anything.
    const isNothing = end.kind === "unwritten" || end.kind === "withdrawn" || end.kind === "refused";
    if (!isNothing) {
      this.#changedMs = Math.max(this.#changedMs, endedMs + (end.kind === "lost" ? TRAVEL_MS : 0));
      batch?.changed(endedMs);
    }
    if (!batch || end.kind === "swept" || end.kind === "withdrawn" || call.operation === "CancelOTATaskByDevice")
      return;
    batch.record({
      operation: call.operation,
      requestId: "requestId" in end ? end.requestId : "",
      success: end.kind === "accepted",
      code: end.kind === "refused" ? end.refusal.code : "",
      message: end.kind === "accepted" ? "" : end.kind === "refused" ? end.refusal.message : end.message,
      ...{ attempts, sentWallMs, durationMs: sentMs === undefined ? undefined : endedMs - sentMs },
    });
  }

  #closed(batch: Batch | undefined, { end, endedMs }: StopCallEnd): void {
    if (!batch) return;
    const { jobId } = batch;
    this.#closing.delete(jobId);
    this.#closeAgainMs.delete(jobId);
    batch.closings++;
    const isClosed = end.kind === "accepted" || (end.kind === "refused" && isOverAlready(end.refusal.code));
    if (isClosed) batch.strategyClosed = true;
    else if (isRejection(end) || batch.closings >= MOST_CLOSINGS) {
      batch.isGivenUp = true;
      batch.failure = failureOf(end, "its strategy could not be closed");
    } else this.#closeAgainMs.set(jobId, endedMs + RETRY_MS);
  }

  /** Whether the list has still to say that a batch was closed. */
  #awaitsStatus({ kind, strategyClosed, row }: Batch): boolean {
    return kind === "dynamic" && strategyClosed && row.status !== "CANCELED";
  }

  #concludeIfOver(): void {
    const { reading } = this.#list;
    if (this.#underWay > 0 || !reading || this.#list.isReading || !this.#isPlanned) return;
    const batches = [...this.#batches.values()];
    if (batches.some(({ toCount }) => toCount.length > 0)) return;
    const stopped = this.#list.readings > 1 && !this.#list.failure && this.#isStopped(batches, reading.sentMs);
    if (!stopped && !this.#isFinal) {
      // All that is missing may be one more list.
      const isProved = batches.every((batch) => batch.isProvedEmpty(this.#sinceMs()));
      if (isProved && this.#list.readings === 1) this.#list.begin();
      return;
    }
    const untold = [...reading.untold].map(([jobId, why]) => untoldStop(jobId, why));
    this.#conclusion = {
      ...{ kind: "report", stopped: stopped && untold.length === 0, isInterrupted: this.#isInterrupted },
      ...{ batches: [...this.batches(), ...untold], otherOpenJobs: this.#other, etag: this.#etag },
    };
  }

  #isStopped(batches: readonly Batch[], listedMs: number): boolean {
    const sinceMs = this.#sinceMs();
    if (listedMs < this.#changedMs) return false;
    return batches.every((batch) => {
      const { kind, row, isPlanned, isOverBefore } = batch;
      const isClosed = kind !== "dynamic" || this.#order.keepStrategies || row.status === "CANCELED";
      const isRead = JOB_TASK_STATES.every((state) => (batch.counts.of(state)?.sentMs ?? -Infinity) >= this.#changedMs);
      return isClosed && !isPlanned && (isRead || isOverBefore) && batch.isProvedEmpty(sinceMs);
    });
  }
}

function canceled(batch: Batch | undefined, { end }: StopCallEnd): void {
  if (!batch) return;
  if (end.kind === "accepted") batch.byJob = "done";
  else if (end.kind === "refused" && isOverAlready(end.refusal.code)) batch.byJob = "refused";
  else if (isRejection(end)) {
    batch.byJob = "refused";
    batch.failure = failureOf(end, "it cannot be canceled as a whole");
  } else batch.byJob = "to-do";
}

function isChange({ operation }: StopCall): boolean {
  return operation.startsWith("Cancel");
}

function isRejection(end: StopCallEnd["end"]): boolean {
  return end.kind === "refused" && end.refusal.reaction.kind === "rejected";
}

function answerOf({ end }: StopCallEnd) {
  return end.kind === "accepted" ? end.answer : undefined;
}

function reasonOf(end: Exclude<StopCallEnd["end"], { kind: "accepted" }>): string {
  if (end.kind === "refused") return `${end.refusal.message} (${end.refusal.code})`;
  return end.kind === "swept" ? "" : end.message;
}

function failureOf(end: StopCallEnd["end"], what: string) {
  const why = end.kind === "accepted" ? "" : reasonOf(end);
  const upstream = end.kind === "refused" ? { code: end.refusal.code, requestId: end.requestId } : {};
  return { message: `${what}: ${why}`, ...upstream };
}

function unplanned(
  reason: "unreadable" | "foreign" | "changed",
  message: string,
  end: RolloutList["failure"],
): StopConclusion {
  return { kind: "unplanned", reason, message, end };
}

/** A batch that the upstream does not say enough about is not touched. */
function untoldStop(jobId: string, why: string): BatchStop {
  const reading = { jobId, kind: undefined, status: "", created: "", counts: {}, countedWallMs: undefined };
  const unread = { ...reading, incomplete: why };
  const none = { strategyClosed: false, calls: [], callsMade: 0, swept: 0, left: undefined };
  return { before: unread, after: unread, ...none, failure: { message: `not touched: ${why}` } };
}
