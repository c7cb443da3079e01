// The batches that belong to a stop: those of the first list that may have open tasks, those that
// another process has recorded, and those created meanwhile if they were asked for. Batches that
// are open and do not belong are only named.
import type { BatchStop } from "./batch-record.js";
import { isOfRollout, isOpenStatus, mayHaveOpenTasks } from "./batch-status.js";
import { etagOf } from "./etag.js";
import type { JobRow } from "./job-operator.js";
import type { ListReading } from "./rollout-list.js";
import { StopBatch } from "./stop-batch.js";
import type { StopConclusion, StopOrder } from "./stop-call.js";
import { objectionTo } from "./stop-proof.js";

export class StopBatches {
  /** By job id. */
  readonly all = new Map<string, StopBatch>();
  otherOpenJobs: readonly string[] = [];
  /** Whether a new batch was asked for, and was found too late to be stopped. */
  hasMissed = false;
  /** Of the rollout as it was listed last. */
  etag = "";
  readonly #order: StopOrder;
  readonly #known: ReadonlyMap<string, BatchStop>;
  #isFirst = true;

  constructor(order: StopOrder, known: ReadonlyMap<string, BatchStop>) {
    this.#order = order;
    this.#known = known;
  }

  /** Recorded batches that no list has brought so far: what is known of them is their record. */
  get unlisted(): readonly BatchStop[] {
    return [...this.#known].flatMap(([jobId, batch]) => (this.all.has(jobId) ? [] : withoutNews(batch)));
  }

  /**
   * Takes in a list; no further batches if `isClosed`. Returns whether it was the first one, or has
   * brought more batches, or why nothing may be changed.
   */
  take(reading: ListReading, isClosed: boolean): "first" | "more" | "same" | StopConclusion {
    const own = reading.rows.filter((row) => isOfRollout(row, this.#order));
    const open = own.filter(({ status }) => isOpenStatus(status)).map(({ jobId }) => jobId);
    this.etag = etagOf(open);
    const isBeginning = this.#isFirst && this.#known.size === 0 && !isClosed;
    const objection = isBeginning ? objectionTo(this.#order, own, open) : undefined;
    if (objection) return objection;
    const [isFirst, before] = [this.#isFirst, this.all.size];
    for (const row of own) this.#note(row, isClosed);
    this.#isFirst = false;
    const others = reading.others.filter((row) => isOfRollout(row, this.#order) && isOpenStatus(row.status));
    const untouched = open.filter((jobId) => !this.all.has(jobId));
    this.hasMissed = this.#order.includeNewJobs && untouched.length > 0;
    this.otherOpenJobs = [...untouched, ...others.map(({ jobId }) => jobId)];
    if (isFirst) return "first";
    return this.all.size > before ? "more" : "same";
  }

  #note(row: JobRow, isClosed: boolean): void {
    const batch = this.all.get(row.jobId);
    if (batch) {
      batch.row = row;
      return;
    }
    const known = this.#known.get(row.jobId);
    const isNew = this.#order.includeNewJobs && isOpenStatus(row.status);
    const isWanted = this.#isFirst ? mayHaveOpenTasks(row.status) : isNew;
    if (row.kind === undefined || isClosed || !(known || isWanted)) return;
    this.all.set(row.jobId, new StopBatch({ ...row, kind: row.kind }, this.#order.states, known));
  }
}

function withoutNews(batch: BatchStop): BatchStop {
  return { ...batch, after: { ...batch.after, incomplete: "not listed since another process took over the stop" } };
}
