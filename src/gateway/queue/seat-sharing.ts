// Shares the seats of calls among callers: weighted max-min fairness in whole seats, by virtual time. A caller's next
// seat is due one `1 / weight` of virtual time after its last, and each seat goes to the caller whose seat is due
// first: the one that has the least for its weight. No caller gets more than it wants, and no seat stays empty while
// one is wanted. Virtual time is kept from call to call: what one call cannot give in whole seats the next gives first,
// or rounding would give callers of small weight nothing, call after call.
import { Heap, type HeapMember } from "../../base/heap.js";

/** Where seats are handed out to one caller. */
export interface Share extends HeapMember {
  readonly caller: string;
  /** As of its last seat. */
  weight: number;
  /** The virtual time from which on that weight counts, and how many seats have been due since, with the next. */
  from: number;
  seats: number;
  /** The virtual time at which the next is due: never in the past. -Infinity until its weight has been asked. */
  due: number;
  /** Of seats that are due at the same time, who has waited longer for theirs has it first. */
  turn: number;
}

/** What there is to be shared. */
export interface Seats {
  readonly left: number;
}

export class SeatSharing<T extends Share> {
  readonly #shares = new Heap<T>((a, b) => (a.due === b.due ? a.turn < b.turn : a.due < b.due));
  #virtualTime = 0;
  #turns = 0;

  /** Who comes, or comes back, is placed as if it had just had a seat, or ever new names would have them all. */
  join(share: T): void {
    share.due = -Infinity;
    share.turn = ++this.#turns;
    this.#shares.add(share);
  }

  leave(share: T): void {
    this.#shares.delete(share);
  }

  /**
   * Shares the seats, of which the first is that of `first`: with more callers than seats it could have none.
   * `take` gives somebody a seat, or says that there is none they could use. Weights are above 0 and can change
   * at any time; a new one holds from the next seat on.
   */
  allot(seats: Seats, weightOf: (caller: string) => number, take: (share: T) => boolean, first?: T): void {
    for (let share = this.#shares.first; share?.due === -Infinity; share = this.#shares.first) {
      this.#begin(share, weightOf(share.caller));
      this.#shares.move(share);
    }
    if (first && take(first)) {
      const weight = weightOf(first.caller);
      // A seat in advance, and no more than that: it counts, but nobody is put off for longer.
      if (first.due > this.#virtualTime + 1 / weight) this.#begin(first, weight);
      this.#seated(first, weight);
    }
    const without: T[] = [];
    for (let share = this.#shares.first; share && seats.left > 0; share = this.#shares.first) {
      this.#virtualTime = share.due;
      if (take(share)) {
        this.#seated(share, weightOf(share.caller));
      } else if (seats.left > 0) {
        this.leave(share);
        without.push(share);
      } // else there was no room for what it wants: it has the first seat of the next call
    }
    // They have let their seats pass, and are not asked again before another is due.
    for (const share of without) this.join(share);
  }

  /** As if it had just had a seat. */
  #begin(share: T, weight: number): void {
    share.weight = weight;
    share.from = this.#virtualTime;
    share.seats = 1;
    share.due = share.from + 1 / weight;
  }

  #seated(share: T, weight: number): void {
    if (share.weight !== weight) {
      share.weight = weight;
      share.from = share.due;
      share.seats = 0;
    }
    share.seats++;
    // Not added up: three thirds are to be due together with one, not before it.
    share.due = share.from + share.seats / weight;
    share.turn = ++this.#turns;
    this.#shares.move(share);
  }
}
