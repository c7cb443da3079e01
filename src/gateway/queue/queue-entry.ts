// One waiter's part of a scope queue: the number of its devices that wait there, and their
// positions in the request. Scope queues are built from entries; here stands what an entry asks of
// the one it waits in.
import type { Room } from "../upstream.js";
import type { Waiter } from "../waiter.js";
import type { BatchDevice } from "./batch.js";
import type { ScopeQueueId } from "./scope-queue-id.js";

export interface FillOptions {
  readonly room: Room;
  readonly maySend: (entry: QueueEntry) => boolean;
}

/** Where an entry waits. */
export interface EntryQueue {
  readonly id: ScopeQueueId;
  /** The number of waiting devices, each counted once. */
  readonly size: number;
  /**
   * Adds devices of the entry. The entry is last among its caller's entries, or first if the
   * devices were `returned`.
   */
  add(entry: QueueEntry, names: readonly string[], returned?: boolean): void;
  /** Removes an entry without waiting devices. */
  remove(entry: QueueEntry): void;
  /** Removes all devices of the entry, and returns the positions of those that waited. */
  disown(entry: QueueEntry): number[];
  /** Fills a call. `first` has the turn, so its caller is sure to get a seat. */
  fill(first: QueueEntry, options: FillOptions): BatchDevice[];
}

export class QueueEntry {
  readonly waiter: Waiter;
  readonly scopeQueue: EntryQueue;
  /** The number of its waiting devices. Only the scope queue changes it. */
  waiting = 0;
  /** Positions returned from a call. They precede those that were never sent. */
  readonly #returned: number[] = [];
  #nextReturned = 0;
  #next: number;

  /** `next`: the first position that was never sent. */
  constructor(waiter: Waiter, scopeQueue: EntryQueue, next: number) {
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
    if (this.#nextReturned === this.#returned.length) this.#next++;
    else if (2 * ++this.#nextReturned >= this.#returned.length) {
      // Dropped now and then, because devices may come back for days.
      this.#returned.splice(0, this.#nextReturned);
      this.#nextReturned = 0;
    }
  }
}

/** The entries of a waiter. It has several only while a refused batch is bisected. */
export function entriesOf(waiter: Waiter): readonly QueueEntry[] {
  return waiter.queueEntries as readonly QueueEntry[];
}
