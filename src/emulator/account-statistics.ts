// Counts the calls of an account by operation. The figures at the top level are those of
// CancelOTATaskByDevice, whose quota this project is about.
import type { Clock } from "../base/clock.js";
import { CANCEL_OPERATION } from "./operations/registry.js";
import { type CallCounts, Statistics } from "./statistics.js";

export interface AccountCounts extends CallCounts {
  /** Every operation that was called, by its action. */
  readonly operations: Readonly<Record<string, OperationCounts>>;
}

type OperationCounts = Pick<CallCounts, "arrivals" | "refused" | "worstSecond">;

export class AccountStatistics {
  readonly #clock: Clock;
  readonly #operations = new Map<string, Statistics>();
  /** Counts requests that are no call of a known operation. */
  readonly outside: Statistics;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.outside = new Statistics(clock);
  }

  of(action: string): Statistics {
    const statistics = this.#operations.get(action) ?? new Statistics(this.#clock);
    this.#operations.set(action, statistics);
    return statistics;
  }

  counts(): AccountCounts {
    const top = (this.#operations.get(CANCEL_OPERATION) ?? new Statistics(this.#clock)).counts();
    const operations = [...this.#operations].map(([action, statistics]) => {
      const { arrivals, refused, worstSecond } = statistics.counts();
      return [action, { arrivals, refused, worstSecond }] as const;
    });
    const refused: Record<string, number> = { ...this.outside.counts().refused };
    for (const [code, calls] of Object.entries(top.refused)) refused[code] = (refused[code] ?? 0) + calls;
    return {
      ...top,
      refused,
      operations: Object.fromEntries(operations),
    };
  }
}
