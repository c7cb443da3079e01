// Who waits for what, for one account. A batch is cut from what waits at that moment: one scope queue, filled
// with the devices of everybody who waits in it. Invariant: a device of an open waiter is here, or in a
// call, or in its backoff, or settled.
import type { Priority, Scope } from "../command.js";
import type { Room } from "../upstream.js";
import type { Waiter } from "../waiter.js";
import { Backlog } from "./backlog.js";
import type { BatchDevice } from "./batch.js";
import { type Bisection, halves } from "./bisection.js";
import type { Charge } from "./charge.js";
import type { FairShareOptions } from "./fair-share.js";
import { QueueEntry } from "./queue-entry.js";
import { ReadAheadCallers } from "./read-ahead-callers.js";
import { Scheduler } from "./scheduler.js";
import type { ScopeQueue } from "./scope-queue.js";
import { ScopeQueues } from "./scope-queues.js";

/** The devices of one call. */
export interface Batch {
  readonly scopeQueue: ScopeQueue;
  readonly devices: readonly BatchDevice[];
  /** What each caller was charged for it. */
  readonly charge: Charge;
}

/** What a cut has to respect, beside whose turn it is. */
export interface Limits {
  readonly nowMs: number;
  /** Who has less time left than an answer takes is not taken into a call. */
  readonly answerMs: number;
}

export interface CutLimits extends Limits {
  /** Only for a scope queue that has sent nothing for a second. */
  readonly newcomersOnly: boolean;
}

interface Cutting {
  readonly room: Room;
  readonly nowMs: number;
  readonly maySend: (entry: QueueEntry) => boolean;
  /** Whose turn it may be, if not that of all that may be sent. */
  readonly mayGo?: (entry: QueueEntry) => boolean;
}

/** How callers differ. */
export type Callers = Pick<FairShareOptions, "weightOf" | "creditNameOf">;

export class Queue {
  readonly #room: Room;
  readonly #callers: Callers;
  readonly #scopeQueues: ScopeQueues;
  readonly #scheduler: Scheduler;
  /** Of what waits to be read. */
  readonly #readScheduler: Scheduler;
  /** Callers whose devices wait to be read when they come. */
  readonly readAheadCallers = new ReadAheadCallers();
  readonly #backlog: Backlog;

  constructor(room: Room, callers: Callers) {
    this.#room = room;
    this.#callers = callers;
    this.#scopeQueues = new ScopeQueues(room);
    this.#scheduler = new Scheduler({ seatsPerCall: room.devices, ...callers });
    this.#readScheduler = new Scheduler({ seatsPerCall: room.devices, ...callers });
    this.#backlog = new Backlog(room.devices);
  }

  /** How much waits, and of whom. */
  get backlog(): Omit<Backlog, "count"> {
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

  /** Calls it takes to send everything that waits. */
  get calls(): number {
    return this.#scopeQueues.calls;
  }

  /** The scope queue that a new waiter of this scope would join, if anybody waits there. */
  scopeQueueOf(scope: Scope): Pick<ScopeQueue, "size" | "waitingIn"> | undefined {
    return this.#scopeQueues.sharedQueue(scope);
  }

  /** Whether a cut for newcomers only would find anybody. */
  hasNewcomer(limits: Limits): boolean {
    for (const scopeQueue of this.#scopeQueues) {
      if (scopeQueue.isUnread || !this.#scopeQueues.isSilent(scopeQueue, limits.nowMs)) continue;
      for (const entry of scopeQueue.entries()) if (inTime(entry, limits)) return true;
    }
    return false;
  }

  /** Whether a scope queue that this waiter waits in has sent nothing for a second. */
  isNewcomer(waiter: Waiter, nowMs: number): boolean {
    return waiter.entries.some(
      ({ scopeQueue }) => !scopeQueue.isUnread && this.#scopeQueues.isSilent(scopeQueue, nowMs),
    );
  }

  /** All devices of a new waiter. */
  add(waiter: Waiter): void {
    const entry = this.#entryIn(this.#arrivalQueueOf(waiter), waiter, 0);
    this.#own(entry, waiter.command.deviceNames);
    entry.scopeQueue.add(entry);
    this.#schedulerOf(entry).add(entry);
  }

  /**
   * The devices of a call that settled nothing. They go before those that were never sent; if the turn is
   * `kept`, what the call cost is refunded, so that the callers in the call go before others too.
   */
  putBack({ devices, scopeQueue, charge }: Batch, nowMs: number, turn: "kept" | "spent"): void {
    if (turn === "kept") this.#scheduler.refund(charge);
    const queueFor = (waiter: Waiter) =>
      scopeQueue.bisection ? this.#scopeQueues.again(scopeQueue) : this.#scopeQueues.scopeQueueOf(waiter, nowMs);
    this.#return(devices, turn, queueFor);
  }

  /** The devices of a refused call, each half to be sent by itself. */
  separate({ devices, scopeQueue }: Batch, bisection: Bisection): void {
    for (const half of halves(devices)) {
      const apart = this.#scopeQueues.separateQueue(scopeQueue.scope, bisection);
      this.#return(half, "kept", () => this.#scopeQueues.again(apart));
    }
  }

  /** From now until then, nobody shares a call of this scope with this caller. */
  demote(scope: Scope, caller: string, untilMs: number, nowMs: number): void {
    this.#scopeQueues.setAlone(scope, caller, untilMs, nowMs);
    for (const entry of this.#scopeQueues.sharedQueue(scope)?.entriesOf(caller) ?? []) {
      this.#move(entry, this.#scopeQueues.scopeQueueOf(entry.waiter, nowMs));
    }
  }

  /** From now until then, this caller's devices of this scope are read before they are sent. */
  readAhead(scope: Scope, caller: string, untilMs: number, nowMs: number): void {
    const isNew = !this.readAheadCallers.has(scope, caller, nowMs);
    this.readAheadCallers.set(scope, caller, untilMs, nowMs);
    if (!isNew) return; // or those that have been read would be read again
    for (const entry of this.#scopeQueues.sharedQueue(scope)?.entriesOf(caller) ?? []) {
      this.#move(entry, this.#scopeQueues.unreadQueue(scope));
    }
  }

  /** Nothing waits to be read any more: all of it waits to be sent. */
  endReadAhead(nowMs: number): void {
    this.readAheadCallers.clear();
    const unread = [...this.#scopeQueues].filter(({ isUnread }) => isUnread);
    for (const entry of unread.flatMap((scopeQueue) => [...scopeQueue.entries()])) {
      this.#move(entry, this.#scopeQueues.scopeQueueOf(entry.waiter, nowMs));
    }
  }

  /** How many devices of the scope wait to be read. */
  unreadIn(scope: Scope): number {
    return this.#scopeQueues.unreadIn(scope);
  }

  /** These devices wait to be read, before others. */
  putBackUnread({ devices, scopeQueue: { scope } }: Pick<Batch, "devices" | "scopeQueue">): void {
    this.#return(devices, "spent", () => this.#scopeQueues.unreadQueue(scope));
  }

  /** The devices of the next reading call; undefined if none wait that can be read in time. */
  cutUnread(limits: Limits, room: Room): Batch | undefined {
    return this.#cut(this.#readScheduler, { room, nowMs: limits.nowMs, maySend: (entry) => inTime(entry, limits) });
  }

  /** Everything of this scope that waits leaves: of each waiter the positions of its devices. */
  withdraw(scope: Scope): { readonly waiter: Waiter; readonly indexes: readonly number[] }[] {
    const entries = this.#scopeQueues.ofScope(scope).flatMap((scopeQueue) => [...scopeQueue.entries()]);
    return entries.map((entry) => ({ waiter: entry.waiter, indexes: this.#disown(entry) }));
  }

  /** What this waiter still waits for leaves at once. */
  leave(waiter: Waiter): void {
    for (const entry of waiter.entries) this.#disown(entry);
  }

  /** The devices of the next call; undefined if nobody who waits may be taken into a call. */
  cut(limits: CutLimits): Batch | undefined {
    const { nowMs, newcomersOnly } = limits;
    const maySend = (entry: QueueEntry) => inTime(entry, limits);
    const mayGo = (entry: QueueEntry) =>
      maySend(entry) && (!newcomersOnly || this.#scopeQueues.isSilent(entry.scopeQueue, nowMs));
    const batch = this.#cut(this.#scheduler, { room: this.#room, nowMs, maySend, mayGo });
    if (batch) this.#scopeQueues.noteCut(batch.scopeQueue, nowMs);
    return batch;
  }

  #cut(scheduler: Scheduler, { room, nowMs, maySend, mayGo = maySend }: Cutting): Batch | undefined {
    const turn = scheduler.next(mayGo, nowMs);
    if (!turn) return undefined;
    const { scopeQueue } = turn;
    const filling = { room, weightOf: this.#callers.weightOf, maySend };
    const devices = this.#scopeQueues.resize(scopeQueue, () => scopeQueue.fill(turn, filling));
    const charge = scheduler.charge(turn, seatsByCaller(devices), nowMs);
    for (const { owners } of devices) for (const { waiter } of owners) this.#taken(waiter, scopeQueue);
    return { scopeQueue, devices, charge };
  }

  #taken(waiter: Waiter, scopeQueue: ScopeQueue): void {
    this.#backlog.count(waiter.command.caller, waiter.command.priority, -1);
    const entry = waiter.entries.find((each) => each.scopeQueue === scopeQueue);
    if (entry?.waiting === 0) this.#remove(entry);
  }

  #return(devices: readonly BatchDevice[], turn: "kept" | "spent", queueFor: (waiter: Waiter) => ScopeQueue): void {
    for (const { name, owners } of devices) {
      for (const { waiter, index } of owners) {
        if (!waiter.isWaiting(index)) continue;
        const entry = this.#entryIn(queueFor(waiter), waiter, waiter.command.deviceNames.length);
        entry.return(index);
        this.#own(entry, [name]);
        entry.scopeQueue.addInFront(entry);
        this.#schedulerOf(entry).addInFront(entry, turn);
      }
    }
  }

  #arrivalQueueOf(waiter: Waiter): ScopeQueue {
    const { scope, caller } = waiter.command;
    return this.readAheadCallers.has(scope, caller, waiter.arrivedMs)
      ? this.#scopeQueues.unreadQueue(scope)
      : this.#scopeQueues.scopeQueueOf(waiter, waiter.arrivedMs);
  }

  #move(entry: QueueEntry, to: ScopeQueue): void {
    const { waiter } = entry;
    const { deviceNames } = waiter.command;
    const waited = this.#disown(entry);
    const own = this.#entryIn(to, waiter, deviceNames.length);
    for (const index of waited) own.return(index);
    this.#own(
      own,
      waited.map((index) => deviceNames[index] as string),
    );
    own.scopeQueue.add(own);
    this.#schedulerOf(own).add(own);
  }

  #own(entry: QueueEntry, names: readonly string[]): void {
    this.#scopeQueues.resize(entry.scopeQueue, () => {
      for (const name of names) entry.scopeQueue.own(entry, name);
    });
    const { caller, priority } = entry.waiter.command;
    this.#backlog.count(caller, priority, names.length);
  }

  /** Returns the positions of what waited. */
  #disown(entry: QueueEntry): number[] {
    const { caller, priority } = entry.waiter.command;
    this.#backlog.count(caller, priority, -entry.waiting);
    const waited = this.#scopeQueues.resize(entry.scopeQueue, () => entry.scopeQueue.disown(entry));
    this.#remove(entry);
    return waited;
  }

  #entryIn(scopeQueue: ScopeQueue, waiter: Waiter, next: number): QueueEntry {
    const known = waiter.entries.find((entry) => entry.scopeQueue === scopeQueue);
    if (known) return known;
    const entry = new QueueEntry(waiter, scopeQueue, next);
    waiter.entries = [...waiter.entries, entry];
    return entry;
  }

  #remove(entry: QueueEntry): void {
    const { waiter, scopeQueue } = entry;
    waiter.entries = waiter.entries.filter((other) => other !== entry);
    scopeQueue.remove(entry);
    this.#schedulerOf(entry).remove(entry);
  }

  #schedulerOf({ scopeQueue }: QueueEntry): Scheduler {
    return scopeQueue.isUnread ? this.#readScheduler : this.#scheduler;
  }
}

function inTime(entry: QueueEntry, { nowMs, answerMs }: Limits): boolean {
  return entry.waiter.command.answerByMs - nowMs > answerMs;
}

function seatsByCaller(devices: readonly BatchDevice[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { owners } of devices) {
    const caller = owners[0]?.waiter.command.caller ?? "";
    counts.set(caller, (counts.get(caller) ?? 0) + 1);
  }
  return counts;
}
