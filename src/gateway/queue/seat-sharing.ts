// Shares the seats of calls among callers by weight. A caller's next seat is due 1 / weight of virtual time after its
// last one, and the seat that is due first is given first: that of the caller that has had least for its weight. So no
// caller gets more than it wants, and no seat stays empty while somebody wants it (weighted max-min fairness, in whole
// seats). Virtual time goes on from call to call: what one call cannot divide evenly is made up for by the next, or
// callers of small weight would be rounded down to nothing in every call.
import { Heap, type HeapMember } from "../../base/heap.js";

/** One caller's share of the seats; the fields are kept by SeatSharing. */
export interface Share extends HeapMember {
  readonly caller: string;
  /** As of its last seat. */
  weight: number;
  /** The virtual time since which that weight holds, and the number of seats since then, the next one included. */
  from: number;
  seats: number;
  /** The virtual time at which the next seat is due, never in the past. -Infinity until the next call begins. */
  due: number;
  /** Of seats due at the same time, the one whose caller has waited longest for it goes first. */
  turn: number;
}

export class SeatSharing<T extends Share> {
  readonly #weightOf: (caller: string) => number;
  readonly #shares = new Heap<T>((a, b) => (a.due === b.due ? a.turn < b.turn : a.due < b.due));
  /** Shares whose callers could use no seat of the call that is being filled. */
  #passed: T[] = [];
  #virtualTime = 0;
  #turns = 0;

  /** Weights are above 0 and can change at any time; a new one holds from the caller's next seat on. */
  constructor(weightOf: (caller: string) => number) {
    this.#weightOf = weightOf;
  }

  /** Starts as if the caller had just had a seat: otherwise callers under ever new names would get them all. */
  join(share: T): void {
    share.due = -Infinity;
    share.turn = ++this.#turns;
    this.#shares.add(share);
  }

  leave(share: T): void {
    this.#shares.delete(share);
  }

  /**
   * The share whose seat is due first, to be answered by `seated` or `pass`; without an answer it stays the first.
   * Undefined, which ends the call, when no seat is left or no share that could use one.
   */
  next(seats: { readonly left: number }): T | undefined {
    this.#placeNew();
    const share = seats.left > 0 ? this.#shares.first : undefined;
    if (share) {
      this.#virtualTime = share.due;
    } else {
      for (const passed of this.#passed) this.join(passed);
      this.#passed = [];
    }
    return share;
  }

  seated(share: T): void {
    const weight = this.#weightOf(share.caller);
    if (share.weight !== weight) {
      share.weight = weight;
      share.from = share.due;
      share.seats = 0;
    }
    share.seats++;
    // Multiplied, not added up: three thirds must come out equal to one.
    share.due = share.from + share.seats / weight;
    share.turn = ++this.#turns;
    this.#shares.move(share);
  }

  /** The caller has had a seat before its turn. It counts, but puts off the caller by no more than one seat. */
  seatedInAdvance(share: T): void {
    this.#placeNew();
    if (share.due > this.#virtualTime + 1 / this.#weightOf(share.caller)) this.#place(share);
    this.seated(share);
  }

  /** The caller can use no seat of this call: it loses this one, and is not asked again before the next call. */
  pass(share: T): void {
    this.#shares.delete(share);
    this.#passed.push(share);
  }

  #placeNew(): void {
    for (let share = this.#shares.first; share?.due === -Infinity; share = this.#shares.first) {
      this.#place(share);
      this.#shares.move(share);
    }
  }

  /** As if it had just had a seat. */
  #place(share: T): void {
    share.weight = this.#weightOf(share.caller);
    share.from = this.#virtualTime;
    share.seats = 1;
    share.due = share.from + 1 / share.weight;
  }
}
