// One waiter's part of a scope queue: the number of its devices that wait there, and their
// positions in the request.
import type { Waiter } from "../waiter.js";
import type { ScopeQueue } from "./scope-queue.js";

export class QueueEntry {
  readonly waiter: Waiter;
  readonly scopeQueue: ScopeQueue;
  /** The number of its waiting devices. Only the scope queue changes it. */
  waiting = 0;
  /** Positions returned from a call. They precede those that were never sent. */
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

  /**
   * The next position to look at; a call may already have taken that device. Undefined if no device
   * waits.
   */
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

/** The entries of a waiter. It has several only while a refused batch is bisected. */
export function entriesOf(waiter: Waiter): readonly QueueEntry[] {
  return waiter.queueEntries as readonly QueueEntry[];
}
