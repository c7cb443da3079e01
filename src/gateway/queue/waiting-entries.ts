// Puts devices into queue entries, moves them and takes them out again. Invariant: an entry is in
// its scope queue, and in that queue's scheduler, exactly while it has waiting devices.
import type { Waiter } from "../waiter.js";
import type { BatchDevice } from "./batch.js";
import { entriesOf, QueueEntry } from "./queue-entry.js";
import type { Scheduler } from "./scheduler.js";
import type { ScopeQueue } from "./scope-queue.js";
import type { ScopeQueueId } from "./scope-queue-id.js";
import type { ScopeQueues } from "./scope-queues.js";
import type { Returned } from "./turn-list.js";

export class WaitingEntries {
  readonly #scopeQueues: ScopeQueues;
  readonly #schedulerOf: (id: ScopeQueueId) => Scheduler;

  constructor(scopeQueues: ScopeQueues, schedulerOf: (id: ScopeQueueId) => Scheduler) {
    this.#scopeQueues = scopeQueues;
    this.#schedulerOf = schedulerOf;
  }

  /** All devices of a new waiter wait there. */
  add(waiter: Waiter, scopeQueue: ScopeQueue): void {
    this.#put(this.#entryIn(scopeQueue, waiter, 0), waiter.command.deviceNames);
  }

  /** Devices of a call wait again, ahead of those of their scope that were never sent. */
  return(devices: readonly BatchDevice[], place: Returned, queueFor: (waiter: Waiter) => ScopeQueue): void {
    for (const { name, owners } of devices) {
      for (const { waiter, index } of owners) {
        if (!waiter.mayBeSent(index)) continue;
        const entry = this.#entryIn(queueFor(waiter), waiter, waiter.command.deviceNames.length);
        entry.return(index);
        this.#put(entry, [name], place);
      }
    }
  }

  /** The entry's devices wait in another scope queue. */
  move(entry: QueueEntry, to: () => ScopeQueue): void {
    const { waiter } = entry;
    const { deviceNames } = waiter.command;
    const waited = this.disown(entry);
    const moved = this.#entryIn(to(), waiter, deviceNames.length);
    for (const index of waited) moved.return(index);
    this.#put(
      moved,
      waited.map((index) => deviceNames[index] as string),
    );
  }

  /** Removes the entry's devices, and returns their positions in the request. */
  disown(entry: QueueEntry): number[] {
    const waited = entry.scopeQueue.disown(entry);
    this.removeEmpty(entry.waiter);
    return waited;
  }

  /** To be called when devices of the waiter were taken for a call. */
  removeEmpty(waiter: Waiter): void {
    for (const entry of entriesOf(waiter)) {
      if (entry.waiting > 0) continue;
      waiter.keepForQueue(entriesOf(waiter).filter((other) => other !== entry));
      this.#scopeQueues.remove(entry);
      this.#schedulerOf(entry.scopeQueue.id).remove(entry);
    }
  }

  #put(entry: QueueEntry, names: readonly string[], returned?: Returned): void {
    entry.scopeQueue.add(entry, names, returned !== undefined);
    this.#schedulerOf(entry.scopeQueue.id).add(entry, returned);
  }

  #entryIn(scopeQueue: ScopeQueue, waiter: Waiter, next: number): QueueEntry {
    const known = entriesOf(waiter).find((entry) => entry.scopeQueue === scopeQueue);
    if (known) return known;
    const entry = new QueueEntry(waiter, scopeQueue, next);
    waiter.keepForQueue([...entriesOf(waiter), entry]);
    return entry;
  }
}
