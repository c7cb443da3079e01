// Shares the seats of calls among callers by weight. No caller gets more than it wants, and no seat
// stays empty while a caller wants it: weighted max-min fairness, in whole seats.
import { Heap, type HeapMember } from "../../base/heap.js";

/** One caller's share of the seats. SeatSharing maintains the fields. */
export interface Share extends HeapMember {
  readonly caller: string;
  /** As of its last seat. */
  weight: number;
  /**
   * The virtual time since which this weight applies, and the number of seats since then, including
   * the next.
   */
  from: number;
  seats: number;
  /**
   * The virtual time at which the next seat is due, never in the past. -Infinity until the next
   * call begins.
   */
  due: number;
  /**
   * Breaks ties between seats due at the same time: the caller that has waited longest goes first.
   */
  turn: number;
}

/**
 * A caller's next seat is due 1 / weight of virtual time after its last one, and the seat that is
 * due first is given first: to the caller with the fewest seats for its weight. Virtual time
 * continues from call to call, so the next call makes up for what one call cannot divide evenly.
 * Otherwise callers of small weight would be rounded down to nothing in every call.
 */
export class SeatSharing<T extends Share> {
  readonly #weightOf: (caller: string) => number;
  readonly #shares = new Heap<T>((a, b) => (a.due === b.due ? a.turn < b.turn : a.due < b.due));
  /** Shares whose callers cannot use a seat of the current call. */
  #passed: T[] = [];
  #virtualTime = 0;
  #turns = 0;

  /**
   * Weights are above 0 and may change at any time. A new weight applies from the caller's next
   * seat on.
   */
  constructor(weightOf: (caller: string) => number) {
    this.#weightOf = weightOf;
  }

  /**
   * Starts as if the caller had just had a seat. Otherwise callers that keep changing their names
   * would get all seats.
   */
  join(share: T): void {
    share.due = -Infinity;
    share.turn = ++this.#turns;
    this.#shares.add(share);
  }

  leave(share: T): void {
    this.#shares.delete(share);
  }

  /**
   * Returns the share whose seat is due first. Answer with `seated` or `pass`; without an answer,
   * the same share stays first. Undefined, which ends the call, if no seat is left or no share can
   * use one.
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

  /** Counts a seat given ahead of its turn. It delays the caller's next one by at most one seat. */
  seatedInAdvance(share: T): void {
    this.#placeNew();
    if (share.due > this.#virtualTime + 1 / this.#weightOf(share.caller)) this.#place(share);
    this.seated(share);
  }

  /** Skips a caller that cannot use a seat of this call, until the next call. */
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

  /** Places a share as if it had just had a seat. */
  #place(share: T): void {
    share.weight = this.#weightOf(share.caller);
    share.from = this.#virtualTime;
    share.seats = 1;
    share.due = share.from + 1 / share.weight;
  }
}
