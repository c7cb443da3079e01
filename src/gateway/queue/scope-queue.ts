// The devices that may share a call. A device waits here once, however many requests name it:
// `#entries` holds exactly the waiting devices. Seats of a call are given by class, within a class
// to callers by weight (seat-sharing.ts), and to one caller's devices in order of arrival.
import { byPriority, PRIORITIES, type Priority } from "../command.js";
import type { Backlog } from "./backlog.js";
import { BatchBuilder, type BatchDevice, type Owner } from "./batch.js";
import { type CallerQueue, CallerQueues } from "./caller-queue.js";
import { EntriesByDevice } from "./entries-by-device.js";
import type { EntryQueue, FillOptions, QueueEntry } from "./queue-entry.js";
import type { ScopeQueueId } from "./scope-queue-id.js";

export class ScopeQueue implements EntryQueue {
  readonly id: ScopeQueueId;
  readonly #backlog: Pick<Backlog, "change">;
  readonly #classes: Record<Priority, CallerQueues>;
  readonly #entries = new EntriesByDevice();

  constructor(id: ScopeQueueId, backlog: Pick<Backlog, "change">, weightOf: (caller: string) => number) {
    this.id = id;
    this.#backlog = backlog;
    this.#classes = byPriority(() => new CallerQueues(weightOf));
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The number of waiting callers and devices of a class. Devices count once for each waiter. */
  waitingIn(priority: Priority): { readonly callers: number; readonly devices: number } {
    const { callers, devices } = this.#classes[priority];
    return { callers, devices };
  }

  *entries(): Iterable<QueueEntry> {
    for (const priority of PRIORITIES) for (const { list } of this.#classes[priority]) yield* list;
  }

  entriesOfCaller(caller: string): QueueEntry[] {
    return PRIORITIES.flatMap((priority) => [...(this.#classes[priority].get(caller)?.list ?? [])]);
  }

  add(entry: QueueEntry, names: readonly string[], returned = false): void {
    const before = this.size;
    for (const name of names) this.#entries.add(name, entry);
    const list = this.#classOf(entry).listFor(entry);
    if (returned) list.addInFront(entry);
    else list.add(entry);
    this.#change(entry, names.length, this.size - before);
  }

  remove(entry: QueueEntry): void {
    this.#classOf(entry).remove(entry);
  }

  disown(entry: QueueEntry): number[] {
    const waited: number[] = [];
    const { deviceNames } = entry.waiter.command;
    const before = this.size;
    for (let index = entry.peek(); index !== undefined && waited.length < entry.waiting; index = entry.peek()) {
      if (this.#entries.remove(deviceNames[index] as string, entry)) waited.push(index);
      entry.advance();
    }
    this.#change(entry, -waited.length, this.size - before);
    return waited;
  }

  fill(first: QueueEntry, { room, maySend }: FillOptions): BatchDevice[] {
    const batch = new BatchBuilder(room, this.id.scope);
    const takers = new Map<CallerQueue, Iterator<BatchDevice, undefined>>();
    const take = (from: CallerQueue) => {
      const taker = takers.get(from) ?? this.#take(from, batch, maySend);
      takers.set(from, taker);
      return taker.next().value;
    };
    const { caller, priority } = first.waiter.command;
    const own = this.#classes[priority];
    const turn = own.get(caller);
    const device = turn && take(turn);
    if (device) {
      batch.add(device);
      own.sharing.seatedInAdvance(turn);
    }
    // The class with the turn comes first. It is the highest waiting one, except in the turns
    // reserved for lower classes.
    for (const each of [priority, ...PRIORITIES.filter((other) => other !== priority)]) {
      const { sharing } = this.#classes[each];
      for (let next = sharing.next(batch); next; next = sharing.next(batch)) {
        const device = take(next);
        if (device) {
          batch.add(device);
          sharing.seated(next);
        } else if (batch.left > 0) {
          sharing.pass(next);
        } // else its device does not fit, and gets the first seat of the next call
      }
    }
    return batch.devices;
  }

  /**
   * Takes one of a caller's devices each time it is resumed, while there is one that may be sent
   * and fits.
   */
  *#take(
    { list }: CallerQueue,
    batch: BatchBuilder,
    maySend: FillOptions["maySend"],
  ): Generator<BatchDevice, undefined> {
    for (const entry of list) {
      if (!maySend(entry)) continue;
      for (let index = entry.peek(); index !== undefined; index = entry.peek()) {
        const name = entry.waiter.command.deviceNames[index] as string;
        const others = this.#entries.othersOf(name, entry);
        if (others && !batch.fits(name)) return;
        entry.advance();
        if (!others) continue; // a call has already taken it for another entry
        this.#entries.delete(name);
        this.#change(entry, -1, -1);
        const owners: Owner[] = [{ waiter: entry.waiter, index }];
        for (const other of others) {
          owners.push({ waiter: other.waiter, index: other.waiter.indexOf(name, index) });
          this.#change(other, -1, 0);
        }
        yield { name, owners };
      }
    }
  }

  /** All changes of what waits go through here. */
  #change(entry: QueueEntry, devices: number, distinct: number): void {
    entry.waiting += devices;
    this.#classOf(entry).devices += devices;
    this.#backlog.change(entry, devices, distinct);
  }

  #classOf(entry: QueueEntry): CallerQueues {
    return this.#classes[entry.waiter.command.priority];
  }
}
