// The calls of a stop that change something: dynamic batches are closed first, or devices go on
// joining; then batches are canceled as a whole; what is left is swept. Keeps when the last change
// was answered, because counts that began before that prove nothing.
import { isOverAlready } from "./batch-status.js";
import { REPEAT_MS, type StopBatch } from "./stop-batch.js";
import { batchFailureOf, isRejection, type StopCall, type StopCallEnd, type StopOrder } from "./stop-call.js";

/** The wait before a call is repeated that may not have reached the upstream. */
const RETRY_MS = 2000;
/**
 * Pages that all sweeps together read at a time: as many as the quota allows, however slow the
 * answers are, and few enough for counts to get their turn.
 */
const MOST_READING = 10;
/** A request whose connection broke may still be on its way. */
const TRAVEL_MS = 1000;

type Change = Extract<StopCall, { readonly operation: `Cancel${string}` }>;

export class BatchChanges {
  readonly #order: StopOrder;
  readonly #batches: ReadonlyMap<string, StopBatch>;
  readonly #closing = new Set<string>();
  readonly #closeAgainMs = new Map<string, number>();
  #underWay = 0;
  #changedMs: number;

  /**
   * `formerMs`: when calls of another process may have been sent last; -Infinity if there was none.
   */
  constructor(order: StopOrder, batches: ReadonlyMap<string, StopBatch>, formerMs: number) {
    this.#order = order;
    this.#batches = batches;
    this.#changedMs = formerMs + order.callTimeoutMs + TRAVEL_MS;
  }

  /** When the last change was answered. */
  get changedMs(): number {
    return this.#changedMs;
  }

  /** Counts that began before this time prove nothing. */
  get sinceMs(): number {
    return this.#underWay > 0 ? Infinity : this.#changedMs;
  }

  get isQuiet(): boolean {
    return this.#underWay === 0 && ![...this.#batches.values()].some(({ sweep }) => sweep.isUnderWay);
  }

  /** Whether a change is under way, or a batch has not had the first call that it needs. */
  isPending(nowMs: number): boolean {
    return !this.isQuiet || [...this.#batches.values()].some((batch) => this.#isUntried(batch, nowMs));
  }

  #isUntried(batch: StopBatch, nowMs: number): boolean {
    if (batch.isGivenUp) return false;
    if (this.isToClose(batch)) return batch.closings === 0;
    if (batch.byJob === "refused") return !batch.sweep.hasPassed && batch.incomplete === "" && (batch.left ?? 0) > 0;
    return batch.byJob === "to-do" && batch.lastByJobMs === -Infinity && wantsByJob(batch, nowMs);
  }

  isToClose({ kind, strategyClosed, isGivenUp, row }: StopBatch): boolean {
    const isOpen = kind === "dynamic" && !strategyClosed && row.status !== "CANCELED";
    return isOpen && !this.#order.keepStrategies && !isGivenUp;
  }

  /** The calls to make now, and the pages that sweeps read. */
  next(nowMs: number): StopCall[] {
    const batches = [...this.#batches.values()];
    const calls: StopCall[] = [];
    for (const { jobId } of batches.filter((batch) => this.isToClose(batch))) {
      if (this.#closing.has(jobId) || nowMs < (this.#closeAgainMs.get(jobId) ?? -Infinity)) continue;
      this.#closing.add(jobId);
      calls.push({ operation: "CancelOTAStrategyByJob", jobId });
    }
    // Otherwise devices whose tasks are canceled may join a batch that is still open.
    const isClosing = batches.some((batch) => this.isToClose(batch) && batch.closings === 0);
    for (const batch of isClosing ? [] : batches) {
      const pages = batches.reduce((sum, { sweep }) => sum + sweep.reading, 0);
      if (!batch.isGivenUp && !this.isToClose(batch)) calls.push(...cancelsOf(batch, nowMs, MOST_READING - pages));
    }
    this.#underWay += calls.filter(isChange).length;
    return calls;
  }

  /** When a call may be due. */
  times(): number[] {
    const batches = [...this.#batches.values()];
    const repeats = batches.flatMap(({ lastByJobMs }) => [lastByJobMs + RETRY_MS, lastByJobMs + REPEAT_MS]);
    return [...this.#closeAgainMs.values(), ...repeats];
  }

  ended(call: Change, result: StopCallEnd): void {
    const { end, endedMs } = result;
    const batch = this.#batches.get(call.jobId);
    this.#underWay--;
    // Nothing was sent, or the upstream refused to do anything.
    const isNothing = end.kind === "unwritten" || end.kind === "withdrawn" || end.kind === "refused";
    if (!isNothing) {
      this.#changedMs = Math.max(this.#changedMs, endedMs + (end.kind === "lost" ? TRAVEL_MS : 0));
      batch?.changed(endedMs);
    }
    if (!batch) return;
    if (call.operation === "CancelOTATaskByDevice") {
      if (end.kind === "swept") batch.swept += end.accepted;
      batch.sweep.canceled();
      return;
    }
    record(batch, call, result);
    if (call.operation === "CancelOTATaskByJob") canceled(batch, end);
    else this.#closed(batch, result);
  }

  #closed(batch: StopBatch, { end, endedMs }: StopCallEnd): void {
    const { jobId } = batch;
    this.#closing.delete(jobId);
    this.#closeAgainMs.delete(jobId);
    batch.closings++;
    if (end.kind === "accepted" || (end.kind === "refused" && isOverAlready(end.refusal.code))) {
      batch.strategyClosed = true;
      batch.failure = undefined;
      return;
    }
    batch.failure = batchFailureOf(end, "its strategy could not be closed");
    // Anything else passes, as an outage does: to give up would leave it open for good.
    if (isRejection(end)) batch.isGivenUp = true;
    else this.#closeAgainMs.set(jobId, endedMs + RETRY_MS);
  }
}

function cancelsOf(batch: StopBatch, nowMs: number, mostPages: number): StopCall[] {
  const { jobId, flags } = batch;
  if (wantsByJob(batch, nowMs)) {
    batch.beginByJob(nowMs);
    return [{ operation: "CancelOTATaskByJob", jobId, flags }];
  }
  const isRead = !batch.isRoundUnderWay && batch.incomplete === "";
  if (isRead && batch.remedy(nowMs) === "sweep") batch.beginSweep();
  return batch.sweep.next(mostPages);
}

function wantsByJob(batch: StopBatch, nowMs: number): boolean {
  const { byJob, left, lastByJobMs, row, isPlanned, flags } = batch;
  if (batch.sweep.isUnderWay) return false;
  if (byJob === "done") return !batch.isRoundUnderWay && batch.incomplete === "" && batch.remedy(nowMs) === "by-job";
  if (byJob !== "to-do" || nowMs - lastByJobMs < RETRY_MS) return false;
  // Nothing is known of a canceled batch that was not counted yet; any other has probably open
  // tasks.
  return left === undefined ? row.status !== "CANCELED" : left > 0 || (isPlanned && flags.scheduled);
}

function canceled(batch: StopBatch, end: StopCallEnd["end"]): void {
  if (end.kind === "accepted") batch.byJob = "done";
  else if (end.kind === "refused" && isOverAlready(end.refusal.code)) batch.byJob = "refused";
  else if (isRejection(end)) {
    batch.byJob = "refused";
    batch.failure = batchFailureOf(end, "it cannot be canceled as a whole");
  } else batch.byJob = "to-do";
}

function record(
  batch: StopBatch,
  call: Exclude<Change, { readonly operation: "CancelOTATaskByDevice" }>,
  { end, sentMs, sentWallMs, endedMs, attempts }: StopCallEnd,
): void {
  if (end.kind === "swept" || end.kind === "withdrawn") return;
  batch.record({
    operation: call.operation,
    requestId: "requestId" in end ? end.requestId : "",
    success: end.kind === "accepted",
    code: end.kind === "refused" ? end.refusal.code : "",
    message: end.kind === "accepted" ? "" : end.kind === "refused" ? end.refusal.message : end.message,
    ...{ attempts, sentWallMs, durationMs: sentMs === undefined ? undefined : endedMs - sentMs },
  });
}

function isChange(call: StopCall): call is Change {
  return call.operation.startsWith("Cancel");
}
