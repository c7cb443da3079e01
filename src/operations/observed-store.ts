// Reports how long the store takes to commit, when it cannot be reached or written, and what it
// deletes. Everything else passes through: nothing waits for the observer.
import type { Clock } from "../base/clock.js";
import { type OperationStore, StoreUnavailable } from "./store.js";

/** The calls that commit something for an operation. */
export const COMMITS = ["stage", "publish", "feed", "record", "append", "end"] as const;

export interface StoreObserver {
  committed(call: (typeof COMMITS)[number], durationMs: number): void;
  /** A call rejected with StoreUnavailable. */
  failed(): void;
  /** The retention of an operation was over. */
  deletedOperation(): void;
}

const COMMIT_NAMES: ReadonlySet<string | symbol> = new Set(COMMITS);

export function observedStore(store: OperationStore, clock: Clock, observer: StoreObserver): OperationStore {
  const observed = (name: string, run: (...values: unknown[]) => Promise<unknown>) => {
    return async (...values: unknown[]) => {
      const startMs = clock.now();
      try {
        const answer = await run.apply(store, values);
        if (COMMIT_NAMES.has(name)) observer.committed(name as (typeof COMMITS)[number], clock.now() - startMs);
        if (answer === "operation" && name === "sweep") observer.deletedOperation();
        return answer;
      } catch (error) {
        if (error instanceof StoreUnavailable) observer.failed();
        throw error;
      }
    };
  };
  const methods = new Map<string | symbol, unknown>();
  return new Proxy(store, {
    get(_, name) {
      const value = store[name as keyof OperationStore];
      if (typeof value !== "function") return value;
      if (!methods.has(name)) methods.set(name, observed(String(name), value as Parameters<typeof observed>[1]));
      return methods.get(name);
    },
  });
}
