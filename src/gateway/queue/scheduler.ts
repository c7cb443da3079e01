// Whose turn it is: the highest class that waits, save that every tenth call goes to the class that has
// waited longest; in the class, the caller by fair share; and what that caller has waited for longest.
// So of three classes each has a turn in twenty calls, of two in ten: see #classes.
import { PRIORITIES, type Priority } from "../command.js";
import { type Charge, refund } from "./charge.js";
import { FairShare, type FairShareOptions } from "./fair-share.js";
import type { QueueEntry } from "./queue-entry.js";
import { RequeueList } from "./requeue-list.js";

/** Lower classes are passed over for so many calls, and no more. */
const PASSED_OVER_CALLS = 9;

export class Scheduler {
  /** One for each class, or its callers would be owed the calls of the others. */
  readonly #shares: Record<Priority, FairShare>;
  readonly #lists: Record<Priority, Map<string, RequeueList<QueueEntry>>> = {
    urgent: new Map(),
    normal: new Map(),
    bulk: new Map(),
  };
  /** Since when each class has waited for a turn. */
  readonly #sinceMs: Record<Priority, number> = { urgent: -Infinity, normal: -Infinity, bulk: -Infinity };
  /** The number of each class's last turn. */
  readonly #lastTurn: Record<Priority, number> = { urgent: 0, normal: 0, bulk: 0 };
  #turns = 0;
  #passedOver = 0;

  constructor(options: FairShareOptions) {
    const servedMs = new Map<string, number>();
    const share = () => new FairShare(options, servedMs);
    this.#shares = { urgent: share(), normal: share(), bulk: share() };
  }

  /** The highest class that waits; undefined if none does. */
  get highest(): Priority | undefined {
    return this.#waitingClasses()[0];
  }

  add(entry: QueueEntry): void {
    const { caller, priority } = entry.waiter.command;
    if (!this.#lists[priority].has(caller)) this.#shares[priority].join(caller);
    this.#listOf(entry).add(entry);
  }

  /** What came back from a call; with a `kept` turn its caller goes where it would have been without the call. */
  addInFront(entry: QueueEntry, turn: "kept" | "spent"): void {
    const { caller, priority } = entry.waiter.command;
    if (!this.#lists[priority].has(caller)) {
      if (turn === "kept") this.#shares[priority].rejoin(caller);
      else this.#shares[priority].join(caller);
    }
    this.#listOf(entry).addInFront(entry);
  }

  remove(entry: QueueEntry): void {
    const { caller, priority } = entry.waiter.command;
    const list = this.#lists[priority].get(caller);
    list?.delete(entry);
    if (list?.size !== 0) return;
    this.#lists[priority].delete(caller);
    this.#shares[priority].leave(caller);
  }

  /** Whose turn it is among those who may go; undefined if nobody may. */
  next(mayGo: (entry: QueueEntry) => boolean, nowMs: number): QueueEntry | undefined {
    for (const priority of this.#classes()) {
      const lists = this.#lists[priority];
      const first = (caller: string) => firstOf(lists.get(caller) ?? [], mayGo);
      const caller = this.#shares[priority].turn(nowMs, (each) => first(each) !== undefined);
      if (caller === undefined) continue;
      this.#noteTurn(priority, nowMs);
      return first(caller);
    }
    return undefined;
  }

  /**
   * A call was cut in this entry's turn, with so many seats for each caller, none of whom has been removed yet.
   * Those who wait only in other classes take its empty seats, which are lent.
   */
  charge(entry: QueueEntry, seats: ReadonlyMap<string, number>, nowMs: number): Charge {
    const { caller, priority } = entry.waiter.command;
    return this.#shares[priority].charge(caller, seats, nowMs);
  }

  refund(charge: Charge): void {
    refund(charge);
  }

  /**
   * The classes that wait, in the order in which they are asked for this call. After nine calls of the highest
   * it is the longest-waiting of all: the highest may be one that has itself been passed over until now (was:
   * URGENT that came and went in nines let BULK have each tenth call, and NORMAL none).
   */
  #classes(): Priority[] {
    const waiting = this.#waitingClasses();
    if (this.#passedOver < PASSED_OVER_CALLS) return waiting;
    return waiting.sort((a, b) => this.#sinceMs[a] - this.#sinceMs[b] || this.#lastTurn[a] - this.#lastTurn[b]);
  }

  #noteTurn(priority: Priority, nowMs: number): void {
    this.#sinceMs[priority] = nowMs;
    this.#lastTurn[priority] = ++this.#turns;
    const [highest, ...lower] = this.#waitingClasses();
    // Whether it may go with this token or not: else every newcomer's call would begin the count anew.
    this.#passedOver = priority === highest && lower.length > 0 ? this.#passedOver + 1 : 0;
  }

  #waitingClasses(): Priority[] {
    return PRIORITIES.filter((priority) => this.#lists[priority].size > 0);
  }

  #listOf({ waiter }: QueueEntry): RequeueList<QueueEntry> {
    const { caller, priority } = waiter.command;
    const lists = this.#lists[priority];
    if (lists.size === 0) this.#sinceMs[priority] = Math.max(this.#sinceMs[priority], waiter.arrivedMs);
    let list = lists.get(caller);
    if (!list) {
      list = new RequeueList();
      lists.set(caller, list);
    }
    return list;
  }
}

function firstOf(list: Iterable<QueueEntry>, mayGo: (entry: QueueEntry) => boolean): QueueEntry | undefined {
  for (const entry of list) if (mayGo(entry)) return entry;
  return undefined;
}
