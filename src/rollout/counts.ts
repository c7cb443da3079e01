// The counts of one batch by state: the latest of each, and whether tasks in the asked-for states
// are proved to be gone. A count is one page with one row; an answer whose row contradicts it is no
// count.
import type { JobAnswer, JobCall, JobTaskState } from "./job-operator.js";

export interface Count {
  readonly total: number;
  /** When the call was sent. */
  readonly sentMs: number;
}

/** Two counts of 0 prove something only if they are this far apart. */
export const PROOF_APART_MS = 5000;

export function countCall(jobId: string, state: JobTaskState | undefined): JobCall {
  return { operation: "ListOTATaskByJob", jobId, state, page: 1, pageSize: 1 };
}

/** The count in an answer, or why it is none. */
export function countIn(answer: JobAnswer | undefined, state: JobTaskState | undefined): number | string {
  if (answer?.kind !== "tasks") return "the upstream's list of tasks could not be parsed";
  const { total, tasks } = answer;
  const [row] = tasks;
  if (row && state !== undefined && row.state !== state) return "the upstream did not list by state";
  if (total > 0 && !row) return "the upstream counted tasks that it did not list";
  return total;
}

export class Counts {
  readonly #latest = new Map<JobTaskState, Count>();
  /** When the first count of 0 was sent, of those without another number since. */
  readonly #zeroSinceMs = new Map<JobTaskState, number>();

  /** `sinceMs` is when something was changed last: counts from before then prove nothing. */
  note(state: JobTaskState, count: Count, sinceMs: number): void {
    const before = this.#latest.get(state);
    if (before && before.sentMs > count.sentMs) return;
    this.#latest.set(state, count);
    if (count.total > 0) this.#zeroSinceMs.delete(state);
    else if ((this.#zeroSinceMs.get(state) ?? -Infinity) < sinceMs) this.#zeroSinceMs.set(state, count.sentMs);
  }

  /** When the first of the counts of 0 was sent that prove something, if all states have one. */
  zeroSinceMs(states: Iterable<JobTaskState>, sinceMs: number): number | undefined {
    let latestMs = -Infinity;
    for (const state of states) {
      const zeroMs = this.#zeroSinceMs.get(state);
      if (zeroMs === undefined || zeroMs < sinceMs) return undefined;
      latestMs = Math.max(latestMs, zeroMs);
    }
    return latestMs;
  }

  of(state: JobTaskState): Count | undefined {
    return this.#latest.get(state);
  }

  /** Undefined if one of the states was never counted. */
  sumOf(states: Iterable<JobTaskState>): number | undefined {
    let sum = 0;
    for (const state of states) {
      const count = this.#latest.get(state);
      if (!count) return undefined;
      sum += count.total;
    }
    return sum;
  }

  /** Whether there were two counts of 0 far enough apart, both begun at or after `sinceMs`. */
  areProvedZero(states: Iterable<JobTaskState>, sinceMs: number): boolean {
    for (const state of states) {
      const [latest, firstMs] = [this.#latest.get(state), this.#zeroSinceMs.get(state)];
      if (!latest || firstMs === undefined || firstMs < sinceMs) return false;
      if (latest.sentMs - firstMs < PROOF_APART_MS) return false;
    }
    return true;
  }

  /** The oldest of the latest counts; undefined if one of the states was never counted. */
  countedMs(states: readonly JobTaskState[]): number | undefined {
    const times = states.map((state) => this.#latest.get(state)?.sentMs);
    return times.every((time) => time !== undefined) ? Math.min(...times) : undefined;
  }

  /** The latest totals by state, as far as they are known. */
  totals(): Readonly<Partial<Record<JobTaskState, number>>> {
    return Object.fromEntries([...this.#latest].map(([state, { total }]) => [state, total]));
  }
}
