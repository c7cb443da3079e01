// Whose turn it is: the highest class that waits, save that every tenth call goes to the lower class that
// has waited longest; in the class, the caller by fair share; and what that caller has waited for longest.
import { PRIORITIES, type Priority } from "./command.js";
import { type Bill, FairShare, type FairShareOptions } from "./fair-share.js";
import { Line } from "./line.js";
import type { Place } from "./place.js";

/** Lower classes are passed over for so many calls, and no more. */
const PASSED_OVER_CALLS = 9;

export class Turns {
  readonly #share: FairShare;
  readonly #lines: Record<Priority, Map<string, Line<Place>>> = {
    urgent: new Map(),
    normal: new Map(),
    bulk: new Map(),
  };
  /** Since when each class has waited for a turn. */
  readonly #sinceMs: Record<Priority, number> = { urgent: -Infinity, normal: -Infinity, bulk: -Infinity };
  #passedOver = 0;

  constructor(options: FairShareOptions) {
    this.#share = new FairShare(options);
  }

  add(place: Place): void {
    const { caller } = place.waiter.command;
    if (!this.#waits(caller)) this.#share.join(caller);
    this.#lineOf(place).add(place);
  }

  /** What came back from a call; with a `kept` turn its caller goes where it would have been without the call. */
  addInFront(place: Place, turn: "kept" | "spent"): void {
    const { caller } = place.waiter.command;
    if (!this.#waits(caller)) {
      if (turn === "kept") this.#share.rejoin(caller);
      else this.#share.join(caller);
    }
    this.#lineOf(place).addInFront(place);
  }

  remove(place: Place): void {
    const { caller, priority } = place.waiter.command;
    const line = this.#lines[priority].get(caller);
    line?.delete(place);
    if (line?.size !== 0) return;
    this.#lines[priority].delete(caller);
    if (!this.#waits(caller)) this.#share.leave(caller);
  }

  /** Whose turn it is among those who may go; undefined if nobody may. */
  next(mayGo: (place: Place) => boolean, nowMs: number): Place | undefined {
    for (const priority of this.#classes()) {
      const lines = this.#lines[priority];
      const first = (caller: string) => firstOf(lines.get(caller) ?? [], mayGo);
      const caller = this.#share.turn(lines.keys(), nowMs, (each) => first(each) !== undefined);
      if (caller === undefined) continue;
      this.#noteTurn(priority, nowMs);
      return first(caller);
    }
    return undefined;
  }

  /** A call was cut in this place's turn, with so many seats for each caller. */
  charge(place: Place, seats: ReadonlyMap<string, number>, nowMs: number): Bill {
    return this.#share.charge(place.waiter.command.caller, seats, nowMs);
  }

  refund(bill: Bill): void {
    this.#share.refund(bill);
  }

  /** The classes that wait, in the order in which they are asked for this call. */
  #classes(): Priority[] {
    const [highest, ...lower] = PRIORITIES.filter((priority) => this.#lines[priority].size > 0);
    if (!highest) return [];
    if (this.#passedOver < PASSED_OVER_CALLS) return [highest, ...lower];
    return [...lower.sort((a, b) => this.#sinceMs[a] - this.#sinceMs[b]), highest];
  }

  #noteTurn(priority: Priority, nowMs: number): void {
    this.#sinceMs[priority] = nowMs;
    const [highest, ...lower] = PRIORITIES.filter((each) => this.#lines[each].size > 0);
    // Whether it may go with this token or not: else every newcomer's call would begin the count anew.
    this.#passedOver = priority === highest && lower.length > 0 ? this.#passedOver + 1 : 0;
  }

  #waits(caller: string): boolean {
    return PRIORITIES.some((priority) => this.#lines[priority].has(caller));
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
