// Decides what is sent next. The turn goes to the highest waiting class, but every tenth call goes
// to the class that has waited longest; within the class to the caller chosen by fair share
// (fair-share.ts); of its entries to the first (turn-list.ts). While the highest class always has
// work, one lower class gets a tenth of the calls, and each of two a twentieth.
import { byPriority, LOWER_CLASS_EVERY, PRIORITIES, type Priority } from "../command.js";
import { Credits } from "./credits.js";
import { type Charge, FairShare, type FairShareOptions, type Turn } from "./fair-share.js";
import type { QueueEntry } from "./queue-entry.js";
import { type Returned, TurnList } from "./turn-list.js";

/** How callers differ. */
export interface Callers extends Pick<FairShareOptions, "weightOf"> {
  /** The name under which a caller's credit is kept. */
  readonly creditNameOf: (caller: string) => string;
}

interface SchedulerOptions extends Callers {
  readonly seatsPerCall: number;
}

/** The next turn, with the first of the caller's entries. */
export interface NextCall {
  readonly turn: Turn;
  readonly entry: QueueEntry;
}

export class Scheduler {
  /**
   * One for each class. With a common one, callers of one class would be owed calls of the other
   * classes.
   */
  readonly #shares: Record<Priority, FairShare>;
  /** By class and caller. */
  readonly #lists = byPriority(() => new Map<string, TurnList<QueueEntry>>());
  /** Since when each class has been waiting for a turn. */
  readonly #sinceMs = byPriority(() => -Infinity);
  /** The number of each class's last turn. */
  readonly #lastTurn = byPriority(() => 0);
  #turns = 0;
  /** Calls that passed over a lower class since one had its turn or began to wait. */
  #passedOver = 0;

  constructor({ creditNameOf, ...options }: SchedulerOptions) {
    const credits = new Credits(creditNameOf);
    this.#shares = byPriority(() => new FairShare({ ...options, credits }));
  }

  /** The highest class that waits; undefined if none does. */
  get highest(): Priority | undefined {
    return this.#waitingClasses()[0];
  }

  /** Adds an entry, or moves it among its caller's. `returned`: it comes from a call. */
  add(entry: QueueEntry, returned?: Returned): void {
    const { caller, priority } = entry.waiter.command;
    if (!this.#lists[priority].has(caller)) {
      if (returned === "kept") this.#shares[priority].rejoin(caller);
      else this.#shares[priority].join(caller);
    }
    this.#listFor(entry).add(entry, returned);
  }

  remove(entry: QueueEntry): void {
    const { caller, priority } = entry.waiter.command;
    const list = this.#lists[priority].get(caller);
    list?.delete(entry);
    if (list?.size !== 0) return;
    this.#lists[priority].delete(caller);
    this.#shares[priority].leave(caller);
  }

  /** The next turn among the entries that may go; undefined if none may. */
  next(mayGo: (entry: QueueEntry) => boolean, nowMs: number): NextCall | undefined {
    for (const priority of this.#classes()) {
      const lists = this.#lists[priority];
      const firstOf = (caller: string) => lists.get(caller)?.first(mayGo);
      const turn = this.#shares[priority].turn(nowMs, (caller) => firstOf(caller) !== undefined);
      const entry = turn && firstOf(turn.caller);
      if (entry) return { turn, entry };
    }
    return undefined;
  }

  /**
   * Charges the call that was cut, with `seats` by caller. To be called before any of its entries
   * is removed. Callers that wait only in other classes pay nothing: their seats would have been
   * empty, and are lent.
   */
  charge({ turn, entry }: NextCall, seats: ReadonlyMap<string, number>, nowMs: number): Charge {
    const { priority } = entry.waiter.command;
    this.#lists[priority].get(turn.caller)?.noteTurn(entry);
    this.#sinceMs[priority] = nowMs;
    this.#lastTurn[priority] = ++this.#turns;
    const lower = this.#waitingClasses().filter((each) => PRIORITIES.indexOf(each) > PRIORITIES.indexOf(priority));
    // Counted even if the token allowed no lower class to go: otherwise each call for a newcomer
    // would reset the count. So would each call of the middle class while the highest cannot go.
    const hadItsTurn = this.#isLowerDue && priority !== this.highest;
    this.#passedOver = lower.length > 0 && !hadItsTurn ? this.#passedOver + 1 : 0;
    return this.#shares[priority].charge(turn, seats, nowMs);
  }

  /**
   * The waiting classes, in the order in which they are asked. When a lower class is due, the class
   * that has waited longest is first, even if it is now the highest: otherwise URGENT arriving nine
   * at a time would leave NORMAL nothing.
   */
  #classes(): Priority[] {
    const waiting = this.#waitingClasses();
    if (!this.#isLowerDue) return waiting;
    return waiting.sort((a, b) => this.#sinceMs[a] - this.#sinceMs[b] || this.#lastTurn[a] - this.#lastTurn[b]);
  }

  get #isLowerDue(): boolean {
    return this.#passedOver >= LOWER_CLASS_EVERY - 1;
  }

  #waitingClasses(): Priority[] {
    return PRIORITIES.filter((priority) => this.#lists[priority].size > 0);
  }

  #listFor({ waiter }: QueueEntry): TurnList<QueueEntry> {
    const { caller, priority } = waiter.command;
    const lists = this.#lists[priority];
    if (lists.size === 0) this.#sinceMs[priority] = Math.max(this.#sinceMs[priority], waiter.arrivedMs);
    let list = lists.get(caller);
    if (!list) {
      list = new TurnList();
      lists.set(caller, list);
    }
    return list;
  }
}
