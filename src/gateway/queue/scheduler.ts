// Whose turn it is: the highest class that waits, save that every tenth call goes to the class that has
// waited longest; in the class, the caller by fair share; and what that caller has waited for longest.
// So of three classes each has a turn in twenty calls, of two in ten: see #classes.
import { PRIORITIES, type Priority } from "../command.js";
import { type Bill, refund } from "./charge.js";
import { FairShare, type FairShareOptions } from "./fair-share.js";
import type { Place } from "./queue-entry.js";
import { Line } from "./requeue-list.js";

/** Lower classes are passed over for so many calls, and no more. */
const PASSED_OVER_CALLS = 9;

export class Turns {
  /** One for each class, or its callers would be owed the calls of the others. */
  readonly #shares: Record<Priority, FairShare>;
  readonly #lines: Record<Priority, Map<string, Line<Place>>> = {
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

  add(place: Place): void {
    const { caller, priority } = place.waiter.command;
    if (!this.#lines[priority].has(caller)) this.#shares[priority].join(caller);
    this.#lineOf(place).add(place);
  }

  /** What came back from a call; with a `kept` turn its caller goes where it would have been without the call. */
  addInFront(place: Place, turn: "kept" | "spent"): void {
    const { caller, priority } = place.waiter.command;
    if (!this.#lines[priority].has(caller)) {
      if (turn === "kept") this.#shares[priority].rejoin(caller);
      else this.#shares[priority].join(caller);
    }
    this.#lineOf(place).addInFront(place);
  }

  remove(place: Place): void {
    const { caller, priority } = place.waiter.command;
    const line = this.#lines[priority].get(caller);
    line?.delete(place);
    if (line?.size !== 0) return;
    this.#lines[priority].delete(caller);
    this.#shares[priority].leave(caller);
  }

  /** Whose turn it is among those who may go; undefined if nobody may. */
  next(mayGo: (place: Place) => boolean, nowMs: number): Place | undefined {
    for (const priority of this.#classes()) {
      const lines = this.#lines[priority];
      const first = (caller: string) => firstOf(lines.get(caller) ?? [], mayGo);
      const caller = this.#shares[priority].turn(nowMs, (each) => first(each) !== undefined);
      if (caller === undefined) continue;
      this.#noteTurn(priority, nowMs);
      return first(caller);
    }
    return undefined;
  }

  /**
   * A call was cut in this place's turn, with so many seats for each caller, none of whom has been removed yet.
   * Those who wait only in other classes ride on its empty seats, which are lent.
   */
  charge(place: Place, seats: ReadonlyMap<string, number>, nowMs: number): Bill {
    const { caller, priority } = place.waiter.command;
    return this.#shares[priority].charge(caller, seats, nowMs);
  }

  refund(bill: Bill): void {
    refund(bill);
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
    return PRIORITIES.filter((priority) => this.#lines[priority].size > 0);
  }

  #lineOf({ waiter }: Place): Line<Place> {
    const { caller, priority } = waiter.command;
    const lines = this.#lines[priority];
    if (lines.size === 0) this.#sinceMs[priority] = Math.max(this.#sinceMs[priority], waiter.arrivedMs);
    let line = lines.get(caller);
    if (!line) {
      line = new Line();
      lines.set(caller, line);
    }
    return line;
  }
}

function firstOf(line: Iterable<Place>, mayGo: (place: Place) => boolean): Place | undefined {
  for (const place of line) if (mayGo(place)) return place;
  return undefined;
}
