// One waiter's part of a scope queue: how many of its devices wait there, and where in the request to look for them.
import type { Waiter } from "../waiter.js";
import type { ScopeQueue } from "./scope-queue.js";

export class QueueEntry {
  readonly waiter: Waiter;
  readonly scopeQueue: ScopeQueue;
  /** The number of its devices that wait here; changed by the scope queue alone. */
  waiting = 0;
  /** Positions that came back from a call. They are looked at before those that were never sent. */
  readonly #returned: number[] = [];
  #nextReturned = 0;
  #next: number;

  /** `next`: the first position that was never sent. */
  constructor(waiter: Waiter, scopeQueue: ScopeQueue, next: number) {
    this.waiter = waiter;
    this.scopeQueue = scopeQueue;
    this.#next = next;
  }

  return(index: number): void {
    this.#returned.push(index);
  }

  /** The position to look at next, where a call may have taken the device along; undefined once no device waits. */
  peek(): number | undefined {
    if (this.waiting === 0) return undefined;
    const returned = this.#returned[this.#nextReturned];
    return returned ?? (this.#next < this.waiter.command.deviceNames.length ? this.#next : undefined);
  }

  advance(): void {
    if (this.#nextReturned < this.#returned.length) this.#nextReturned++;
    else this.#next++;
  }
}

/** Where a waiter's devices wait; in more than one scope queue only while a refused batch is told apart. */
export function entriesOf(waiter: Waiter): readonly QueueEntry[] {
  return waiter.queueEntries as readonly QueueEntry[];
}
