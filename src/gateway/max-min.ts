// How the seats of calls are shared among those who want them: weighted max-min fairness in whole seats. Water rises
// in vessels as wide as their weights, and a seat is due whenever it has risen by one in a vessel: so each seat goes to
// whoever has the least for their weight, however many there are. Nobody gets more than they want, no seat stays empty
// while somebody wants it. The water stays where it is between calls: what cannot be given in whole seats by one is
// given by the next, or rounding would give the light ones nothing, call after call.
import { Heap, type HeapMember } from "./heap.js";

/** Where seats are handed out to one caller. */
export interface Vessel extends HeapMember {
  readonly caller: string;
  /** The level at which its next seat is due: never below the water. -Infinity until its weight has been asked. */
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
    this.#weigh(weightOf);
    if (first && take(first)) {
      const width = 1 / weightOf(first.caller);
      // A seat in advance, and no more than that, so that over many calls nobody has more for it.
      this.#next(first, Math.min(first.due, this.#level + width) + width);
    }
    const without: T[] = [];
    for (let vessel = this.#vessels.first; vessel && seats.left > 0; vessel = this.#vessels.first) {
      this.#level = vessel.due;
      if (take(vessel)) {
        this.#next(vessel, vessel.due + 1 / weightOf(vessel.caller));
      } else if (seats.left > 0) {
        this.leave(vessel);
        without.push(vessel);
      } // else there was no room for what it wants: it has the first seat of the next call
    }
    // They have let their seats pass, and are not asked again before another is due.
    for (const vessel of without) this.join(vessel);
  }

  /** Those who have come since the last call. */
  #weigh(weightOf: (caller: string) => number): void {
    for (let vessel = this.#vessels.first; vessel?.due === -Infinity; vessel = this.#vessels.first) {
      vessel.due = this.#level + 1 / weightOf(vessel.caller);
      this.#vessels.move(vessel);
    }
  }

  #next(vessel: T, due: number): void {
    vessel.due = due;
    vessel.turn = ++this.#turns;
    this.#vessels.move(vessel);
  }
}
