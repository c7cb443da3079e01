// Everything that waits for one account, to be sent or to be read first: decides in which scope
// queue a device waits, and cuts the batch of the next call from one of them. Invariant: each
// device of an open waiter is here, in a call, in its backoff, or settled.
import type { Priority, Scope } from "../command.js";
import type { Room } from "../upstream.js";
import type { Waiter } from "../waiter.js";
import { Backlog } from "./backlog.js";
import type { BatchDevice } from "./batch.js";
import { type Bisection, halves } from "./bisection.js";
import { type Charge, refund } from "./fair-share.js";
import { entriesOf, type QueueEntry } from "./queue-entry.js";
import { ReadAheadCallers } from "./read-ahead-callers.js";
import { type Callers, Scheduler } from "./scheduler.js";
import { ScopeQueue } from "./scope-queue.js";
import type { ScopeQueueId } from "./scope-queue-id.js";
import { ScopeQueues } from "./scope-queues.js";
import type { Returned } from "./turn-list.js";
import { WaitingEntries } from "./waiting-entries.js";

/** The devices of one call. */
export interface Batch {
  readonly scopeQueue: ScopeQueueId;
  readonly devices: readonly BatchDevice[];
  /** The charge of each caller for the call. */
  readonly charge: Charge;
}

/** Conditions of a cut, in addition to the turn. */
export interface Limits {
  readonly nowMs: number;
  /** Waiters with less time left than an answer takes are not sent. */
  readonly answerMs: number;
}

export interface CutLimits extends Limits {
  /** Cut only from scope queues that have sent nothing for a second. */
  readonly newcomersOnly: boolean;
}

interface Cutting {
  readonly room: Room;
  readonly nowMs: number;
  readonly maySend: (entry: QueueEntry) => boolean;
  /** Whose turn it may be, if not that of all that may be sent. */
  readonly mayGo?: (entry: QueueEntry) => boolean;
}

export class Queue {
  readonly #room: Room;
  readonly #backlog: Backlog;
  readonly #scopeQueues: ScopeQueues;
  readonly #scheduler: Scheduler;
  /** Of what waits to be read. */
  readonly #readScheduler: Scheduler;
  readonly #entries: WaitingEntries;
  /** Callers whose devices wait to be read when they come. */
  readonly readAheadCallers = new ReadAheadCallers();

  constructor(room: Room, callers: Callers) {
    this.#room = room;
    this.#backlog = new Backlog(room.devices);
    this.#scopeQueues = new ScopeQueues((id) => new ScopeQueue(id, this.#backlog, callers.weightOf));
    this.#scheduler = new Scheduler({ seatsPerCall: room.devices, ...callers });
    this.#readScheduler = new Scheduler({ seatsPerCall: room.devices, ...callers });
    this.#entries = new WaitingEntries(this.#scopeQueues, ({ isUnread }) =>
      isUnread ? this.#readScheduler : this.#scheduler,
    );
  }

  /** Counts of what waits. */
  get backlog(): Omit<Backlog, "change"> {
    return this.#backlog;
  }

  /** The highest class that waits to be sent; undefined if nothing does. */
  get highest(): Priority | undefined {
    return this.#scheduler.highest;
  }

  /** The highest class that waits to be read; undefined if nothing does. */
  get highestUnread(): Priority | undefined {
    return this.#readScheduler.highest;
  }

  /**
   * The scope queue that a new waiter of this scope would join; undefined if nothing waits there.
   */
  scopeQueueOf(scope: Scope): Pick<ScopeQueue, "size" | "waitingIn"> | undefined {
    return this.#scopeQueues.shared(scope);
  }

  /** Whether a cut for newcomers only would find any device. */
  hasNewcomer(limits: Limits): boolean {
    for (const scopeQueue of this.#scopeQueues) {
      if (!this.#isNewcomer(scopeQueue, limits.nowMs)) continue;
      for (const entry of scopeQueue.entries()) if (inTime(entry, limits)) return true;
    }
    return false;
  }

  /** Whether one of the waiter's scope queues has sent nothing for a second. */
  isNewcomer(waiter: Waiter, nowMs: number): boolean {
    return entriesOf(waiter).some(({ scopeQueue }) => this.#isNewcomer(scopeQueue, nowMs));
  }

  /** Queues all devices of a new waiter. */
  add(waiter: Waiter): void {
    const { scope, caller } = waiter.command;
    const scopeQueue = this.readAheadCallers.has(scope, caller, waiter.arrivedMs)
      ? this.#scopeQueues.get(this.#scopeQueues.unreadId(scope))
      : this.#scopeQueues.forWaiter(waiter, waiter.arrivedMs);
    this.#entries.add(waiter, scopeQueue);
  }

  /**
   * Returns the devices of a call that settled nothing to the queue, ahead of those of their scope
   * that were never sent. If their place is `kept`, the call is refunded.
   */
  putBack({ devices, scopeQueue, charge }: Batch, nowMs: number, place: Returned): void {
    if (place === "kept") refund(charge);
    this.#entries.return(devices, place, (waiter) =>
      scopeQueue.bisection ? this.#scopeQueues.get(scopeQueue) : this.#scopeQueues.forWaiter(waiter, nowMs),
    );
  }

  /** Queues the devices of a refused call in two halves, each to be sent separately. */
  separate({ devices, scopeQueue: { scope } }: Batch, bisection: Bisection): void {
    for (const half of halves(devices)) {
      const id = this.#scopeQueues.newId(scope, bisection);
      this.#entries.return(half, "kept", () => this.#scopeQueues.get(id));
    }
  }

  /** Sends this caller alone in this scope until `untilMs`. */
  demote(scope: Scope, caller: string, untilMs: number, nowMs: number): void {
    this.#scopeQueues.setAlone(scope, caller, untilMs, nowMs);
    for (const entry of this.#scopeQueues.shared(scope)?.entriesOfCaller(caller) ?? []) {
      this.#entries.move(entry, () => this.#scopeQueues.forWaiter(entry.waiter, nowMs));
    }
  }

  /** From now until then, this caller's devices of this scope are read before they are sent. */
  readAhead(scope: Scope, caller: string, untilMs: number, nowMs: number): void {
    const isNew = !this.readAheadCallers.has(scope, caller, nowMs);
    this.readAheadCallers.set(scope, caller, untilMs, nowMs);
    if (!isNew) return; // or those that have been read would be read again
    for (const entry of this.#scopeQueues.shared(scope)?.entriesOfCaller(caller) ?? []) {
      this.#entries.move(entry, () => this.#scopeQueues.get(this.#scopeQueues.unreadId(scope)));
    }
  }

  /** Nothing waits to be read any more: all of it waits to be sent. */
  endReadAhead(nowMs: number): void {
    this.readAheadCallers.clear();
    const unread = [...this.#scopeQueues].filter(({ id }) => id.isUnread);
    for (const entry of unread.flatMap((scopeQueue) => [...scopeQueue.entries()])) {
      this.#entries.move(entry, () => this.#scopeQueues.forWaiter(entry.waiter, nowMs));
    }
  }

  /** How many devices of the scope wait to be read. */
  unreadIn(scope: Scope): number {
    return this.#scopeQueues.unreadIn(scope);
  }

  /** These devices wait to be read, before others. */
  putBackUnread({ devices, scopeQueue: { scope } }: Pick<Batch, "devices" | "scopeQueue">): void {
    const id = this.#scopeQueues.unreadId(scope);
    this.#entries.return(devices, "spent", () => this.#scopeQueues.get(id));
  }

  /** The devices of the next reading call; undefined if none wait that can be read in time. */
  cutUnread(limits: Limits, room: Room): Batch | undefined {
    return this.#cut(this.#readScheduler, { room, nowMs: limits.nowMs, maySend: (entry) => inTime(entry, limits) });
  }

  /**
   * Everything of this scope that waits leaves: of each waiter the positions of its devices.
   * Waiters with a follower stay, because that decides what such a refusal means for the rest.
   */
  withdraw(scope: Scope): { readonly waiter: Waiter; readonly indexes: readonly number[] }[] {
    const all = this.#scopeQueues.ofScope(scope).flatMap((scopeQueue) => [...scopeQueue.entries()]);
    const entries = all.filter(({ waiter }) => !waiter.follower);
    return entries.map((entry) => ({ waiter: entry.waiter, indexes: this.#entries.disown(entry) }));
  }

  /** Removes the waiter's waiting devices. */
  leave(waiter: Waiter): void {
    for (const entry of entriesOf(waiter)) this.#entries.disown(entry);
  }

  /** Takes the devices of the next call; undefined if nothing may be sent. */
  cut(limits: CutLimits, room = this.#room): Batch | undefined {
    const { nowMs, newcomersOnly } = limits;
    const maySend = (entry: QueueEntry) => inTime(entry, limits);
    const mayGo = (entry: QueueEntry) =>
      maySend(entry) && (!newcomersOnly || this.#scopeQueues.isSilent(entry.scopeQueue.id, nowMs));
    const batch = this.#cut(this.#scheduler, { room, nowMs, maySend, mayGo });
    if (batch) this.#scopeQueues.noteCut(batch.scopeQueue, nowMs);
    return batch;
  }

  #cut(scheduler: Scheduler, { room, nowMs, maySend, mayGo = maySend }: Cutting): Batch | undefined {
    const next = scheduler.next(mayGo, nowMs);
    if (!next) return undefined;
    const { scopeQueue } = next.entry;
    const devices = scopeQueue.fill(next.entry, { room, maySend });
    const charge = scheduler.charge(next, seatsByCaller(devices), nowMs);
    for (const { owners } of devices) for (const { waiter } of owners) this.#entries.removeEmpty(waiter);
    return { scopeQueue: scopeQueue.id, devices, charge };
  }

  #isNewcomer({ id }: Pick<ScopeQueue, "id">, nowMs: number): boolean {
    return !id.isUnread && this.#scopeQueues.isSilent(id, nowMs);
  }
}

function inTime({ waiter }: QueueEntry, { nowMs, answerMs }: Limits): boolean {
  const { command, follower } = waiter;
  return command.answerByMs - nowMs > answerMs && (!follower || nowMs < follower.sendUntilMs);
}

/** Counts seats by the caller that pays for them. */
function seatsByCaller(devices: readonly BatchDevice[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { owners } of devices) {
    const caller = owners[0]?.waiter.command.caller ?? "";
    counts.set(caller, (counts.get(caller) ?? 0) + 1);
  }
  return counts;
}
