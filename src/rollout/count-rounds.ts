// When the batches of a stop are counted, and in which order: a few calls at a time, those first
// that something waits for. A change of one batch may have changed another, so all are counted
// again after it.
import type { BatchChanges } from "./batch-changes.js";
import { countCall } from "./counts.js";
import { FIRST_ROUND_MS, type StopBatch } from "./stop-batch.js";
import type { StopCall, StopOrder } from "./stop-call.js";

/** Counts under way at a time: enough for slow answers, few enough for a sweep to get its turn. */
const MOST_COUNTING = 12;

export class CountRounds {
  readonly #order: StopOrder;
  readonly #batches: ReadonlyMap<string, StopBatch>;
  readonly #changes: BatchChanges;

  constructor(order: StopOrder, batches: ReadonlyMap<string, StopBatch>, changes: BatchChanges) {
    this.#order = order;
    this.#batches = batches;
    this.#changes = changes;
  }

  /** When rounds are due. */
  times(): number[] {
    return [...this.#batches.values()].flatMap((batch) => (batch.isRoundUnderWay ? [] : this.#nextRoundMs(batch)));
  }

  /**
   * Begins the rounds that are due, the longest due first; none while others wait to be counted.
   */
  begin(nowMs: number): void {
    const batches = [...this.#batches.values()];
    const due = batches.filter((batch) => !batch.isRoundUnderWay && nowMs >= this.#nextRoundMs(batch));
    let waiting = batches.reduce((sum, { toCount }) => sum + toCount.length, 0);
    for (const batch of due.sort((a, b) => this.#nextRoundMs(a) - this.#nextRoundMs(b))) {
      if (waiting >= MOST_COUNTING) return;
      batch.beginRound(nowMs);
      waiting += this.#order.states.length;
    }
  }

  /** The counts to make now. */
  next(): StopCall[] {
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

  #nextRoundMs(batch: StopBatch): number {
    const { changedMs, isQuiet } = this.#changes;
    const isStale = isQuiet && batch.roundBeganMs < changedMs;
    return isStale ? Math.min(batch.nextRoundMs, changedMs + FIRST_ROUND_MS) : batch.nextRoundMs;
  }
}
