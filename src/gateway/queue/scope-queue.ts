// Everything that may share a call. Each device waits once, whoever asked for it: `owners` names exactly
// the devices that wait here, and for whom. Seats go by priority, within it by weighted max-min over
// callers, and to each caller's devices in the order they came.
import { PRIORITIES, type Priority, type Scope } from "../command.js";
import type { Room } from "../upstream.js";
import { BatchBuilder, type BatchDevice, type Owner } from "./batch.js";
import type { Bisection } from "./bisection.js";
import { type CallerQueue, CallerQueues } from "./caller-queue.js";
import type { QueueEntry } from "./queue-entry.js";
import type { RequeueList } from "./requeue-list.js";

/** What a call is filled by, beside who waits. */
export interface FillOptions {
  readonly room: Room;
  readonly weightOf: (caller: string) => number;
  readonly maySend: (entry: QueueEntry) => boolean;
}

/** Why devices do not wait with the others of their scope. */
interface Apart {
  readonly bisection?: Bisection | undefined;
  readonly isUnread?: boolean;
}

/** How many wait. */
export interface WaitingCounts {
  readonly callers: number;
  readonly devices: number;
}

export class ScopeQueue {
  readonly key: string;
  readonly scope: Scope;
  /** What its devices are suspected of, if they are being told apart: nobody else may join them. */
  readonly bisection: Bisection | undefined;
  /** Its devices wait to be read, and not to be sent. */
  readonly isUnread: boolean;
  readonly #classes: Record<Priority, CallerQueues> = {
    urgent: new CallerQueues(),
    normal: new CallerQueues(),
    bulk: new CallerQueues(),
  };
  readonly #waiting: Record<Priority, number> = { urgent: 0, normal: 0, bulk: 0 };
  readonly #owners = new Map<string, QueueEntry | QueueEntry[]>();

  constructor(key: string, scope: Scope, { bisection, isUnread = false }: Apart = {}) {
    this.key = key;
    this.scope = scope;
    this.bisection = bisection;
    this.isUnread = isUnread;
  }

  /** How many devices wait, each counted once. */
  get size(): number {
    return this.#owners.size;
  }

  /** Who waits in a class: callers, and devices, each counted for everybody who asked for it. */
  waitingIn(priority: Priority): WaitingCounts {
    return { callers: this.#classes[priority].size, devices: this.#waiting[priority] };
  }

  *entries(): Iterable<QueueEntry> {
    for (const priority of PRIORITIES) for (const { list } of this.#classes[priority]) yield* list;
  }

  /** The entries of one caller. */
  entriesOf(caller: string): QueueEntry[] {
    return PRIORITIES.flatMap((priority) => [...(this.#classes[priority].get(caller)?.list ?? [])]);
  }

  add(entry: QueueEntry): void {
    this.#listOf(entry).add(entry);
  }

  addInFront(entry: QueueEntry): void {
    this.#listOf(entry).addInFront(entry);
  }

  remove(entry: QueueEntry): void {
    this.#classes[entry.waiter.command.priority].remove(entry);
  }

  /** This entry waits for the device too. */
  own(entry: QueueEntry, name: string): void {
    const owned = this.#owners.get(name);
    if (owned === undefined) this.#owners.set(name, entry);
    else if (Array.isArray(owned)) owned.push(entry);
    else this.#owners.set(name, [owned, entry]);
    this.#count(entry, 1);
  }

  /** Nothing waits here for this entry any more. Returns the positions of what did. */
  disown(entry: QueueEntry): number[] {
    const waited: number[] = [];
    for (let index = entry.peek(); entry.waiting > 0 && index !== undefined; index = entry.peek()) {
      if (this.#drop(entry, entry.waiter.command.deviceNames[index] as string)) {
        this.#count(entry, -1);
        waited.push(index);
      }
      entry.advance();
    }
    return waited;
  }

  /** Fills a call in the turn of `turn`, which gets a seat whoever else waits. */
  fill(turn: QueueEntry, { room, weightOf, maySend }: FillOptions): BatchDevice[] {
    const builder = new BatchBuilder(room, this.scope);
    const { caller, priority } = turn.waiter.command;
    const cursors = new Map<CallerQueue, Iterator<void>>();
    const takeSeat = (callerQueue: CallerQueue) => {
      let cursor = cursors.get(callerQueue);
      if (!cursor) {
        cursor = this.#fillFrom(callerQueue.list, builder, maySend);
        cursors.set(callerQueue, cursor);
      }
      return cursor.next().done === false;
    };
    // Nobody of a higher class waits, unless this turn is one that lower classes get all the same.
    const own = this.#classes[priority];
    own.sharing.allot(builder, weightOf, takeSeat, own.get(caller));
    for (const other of PRIORITIES) {
      if (other !== priority) this.#classes[other].sharing.allot(builder, weightOf, takeSeat);
    }
    return builder.devices;
  }

  /** Adds the devices of a list that may be sent, as far as they fit: one whenever it is resumed. */
  *#fillFrom(
    list: Iterable<QueueEntry>,
    builder: BatchBuilder,
    maySend: (entry: QueueEntry) => boolean,
  ): Generator<void, void> {
    for (const entry of list) {
      if (!maySend(entry)) continue;
      for (let index = entry.peek(); entry.waiting > 0 && index !== undefined; index = entry.peek()) {
        const name = entry.waiter.command.deviceNames[index] as string;
        const owned = this.#owners.get(name);
        const isOwn = owned === entry || (Array.isArray(owned) && owned.includes(entry));
        if (isOwn && !builder.fits(name)) return;
        entry.advance();
        if (!isOwn) continue;
        this.#owners.delete(name);
        const owners: Owner[] = [{ waiter: entry.waiter, index }];
        this.#count(entry, -1);
        if (Array.isArray(owned)) {
          for (const other of owned) {
            if (other === entry) continue;
            owners.push({ waiter: other.waiter, index: other.waiter.indexOf(name, index) });
            this.#count(other, -1);
          }
        }
        builder.add(name, owners);
        yield;
      }
    }
  }

  #listOf({ waiter }: QueueEntry): RequeueList<QueueEntry> {
    return this.#classes[waiter.command.priority].listOf(waiter.command.caller);
  }

  #count(entry: QueueEntry, change: number): void {
    entry.waiting += change;
    this.#waiting[entry.waiter.command.priority] += change;
  }

  /** False if this entry does not wait for the device. */
  #drop(entry: QueueEntry, name: string): boolean {
    const owned = this.#owners.get(name);
    if (!Array.isArray(owned)) return owned === entry && this.#owners.delete(name);
    const index = owned.indexOf(entry);
    if (index < 0) return false;
    owned.splice(index, 1); // in place: a great many may wait for one device
    if (owned.length === 0) this.#owners.delete(name);
    return true;
  }
}
