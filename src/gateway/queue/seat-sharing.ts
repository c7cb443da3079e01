// How the seats of calls are shared among those who want them: weighted max-min fairness in whole seats. Water rises
// in vessels as wide as their weights, and a seat is due for each seat's worth of it: so each goes to whoever has the
// least for their weight, and nobody else is looked at. Nobody gets more than they want, no seat stays empty while
// somebody wants it. The water stands where it stood when the next call is filled: what one cannot give in whole seats
// the next gives first, or rounding would give the light ones nothing, call after call.
import { Heap, type HeapMember } from "../../base/heap.js";

/** Where seats are handed out to one caller. */
export interface Vessel extends HeapMember {
  readonly caller: string;
  /** As of its last seat. */
  weight: number;
  /** The level from which on that weight counts, and how many seats have been due since, with the next. */
  from: number;
  seats: number;
  /** The level at which the next is due: never below the water. -Infinity until its weight has been asked. */
  due: number;
  /** Of seats that are due at one level, who has waited longer for theirs has it first. */
  turn: number;
}

/** What there is to be shared. */
export interface Seats {
  readonly left: number;
}

export class MaxMin<T extends Vessel> {
  readonly #vessels = new Heap<T>((a, b) => (a.due === b.due ? a.turn < b.turn : a.due < b.due));
  #level = 0;
  #turns = 0;

  /** Who comes, or comes back, is placed as if it had just had a seat, or ever new names would have them all. */
  join(vessel: T): void {
    vessel.due = -Infinity;
    vessel.turn = ++this.#turns;
    this.#vessels.add(vessel);
  }

  leave(vessel: T): void {
    this.#vessels.delete(vessel);
  }

  /**
   * Shares the seats, of which the first is that of `first`: with more callers than seats it could have none.
   * `take` gives somebody a seat, or says that there is none they could use. Weights are above 0 and can change
   * at any time; a new one holds from the next seat on.
   */
  share(seats: Seats, weightOf: (caller: string) => number, take: (vessel: T) => boolean, first?: T): void {
    for (let vessel = this.#vessels.first; vessel?.due === -Infinity; vessel = this.#vessels.first) {
      this.#begin(vessel, weightOf(vessel.caller));
      this.#vessels.move(vessel);
    }
    if (first && take(first)) {
      const weight = weightOf(first.caller);
      // A seat in advance, and no more than that: it counts, but nobody is put off for longer.
      if (first.due > this.#level + 1 / weight) this.#begin(first, weight);
      this.#seated(first, weight);
    }
    const without: T[] = [];
    for (let vessel = this.#vessels.first; vessel && seats.left > 0; vessel = this.#vessels.first) {
      this.#level = vessel.due;
      if (take(vessel)) {
        this.#seated(vessel, weightOf(vessel.caller));
      } else if (seats.left > 0) {
        this.leave(vessel);
        without.push(vessel);
      } // else there was no room for what it wants: it has the first seat of the next call
    }
    // They have let their seats pass, and are not asked again before another is due.
    for (const vessel of without) this.join(vessel);
  }

  /** As if it had just had a seat. */
  #begin(vessel: T, weight: number): void {
    vessel.weight = weight;
    vessel.from = this.#level;
    vessel.seats = 1;
    vessel.due = vessel.from + 1 / weight;
  }

  #seated(vessel: T, weight: number): void {
    if (vessel.weight !== weight) {
      vessel.weight = weight;
      vessel.from = vessel.due;
      vessel.seats = 0;
    }
    vessel.seats++;
    // Not added up: three thirds are to be due together with one, not before it.
    vessel.due = vessel.from + vessel.seats / weight;
    vessel.turn = ++this.#turns;
    this.#vessels.move(vessel);
  }
}
