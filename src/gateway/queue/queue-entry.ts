// A waiter's entry in a scope queue: which of its devices wait there.
import type { Waiter } from "../waiter.js";
import type { ScopeQueue } from "./scope-queue.js";

export class QueueEntry {
  readonly waiter: Waiter;
  readonly scopeQueue: ScopeQueue;
  /** How many devices wait. */
  waiting = 0;
  /** Where to look for them: first those that came back from a call, then those never sent. */
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

  /** The next position to look at; it may have been sent for somebody else already. */
  peek(): number | undefined {
    const returned = this.#returned[this.#nextReturned];
    if (returned !== undefined) return returned;
    return this.#next < this.waiter.command.deviceNames.length ? this.#next : undefined;
  }

  advance(): void {
    if (this.#nextReturned < this.#returned.length) this.#nextReturned++;
    else this.#next++;
  }
}
