// What callers wait for in one class of a lane: a line for each, and in which order they get seats. Nobody is here
// without a place.
import type { Place } from "./queue-entry.js";
import { Line } from "./requeue-list.js";
import { MaxMin, type Vessel } from "./seat-sharing.js";

export class Berth implements Vessel {
  readonly caller: string;
  readonly line = new Line<Place>();
  weight = 0;
  from = 0;
  seats = 0;
  due = 0;
  turn = 0;
  position = -1;

  constructor(caller: string) {
    this.caller = caller;
  }
}

export class Berths {
  readonly #byCaller = new Map<string, Berth>();
  readonly #shares = new MaxMin<Berth>();

  get size(): number {
    return this.#byCaller.size;
  }

  get shares(): Pick<MaxMin<Berth>, "share"> {
    return this.#shares;
  }

  [Symbol.iterator](): Iterator<Berth> {
    return this.#byCaller.values();
  }

  get(caller: string): Berth | undefined {
    return this.#byCaller.get(caller);
  }

  /** The line of a caller, from now on if it has none. */
  lineOf(caller: string): Line<Place> {
    let berth = this.#byCaller.get(caller);
    if (!berth) {
      berth = new Berth(caller);
      this.#byCaller.set(caller, berth);
      this.#shares.join(berth);
    }
    return berth.line;
  }

  remove(place: Place): void {
    const berth = this.#byCaller.get(place.waiter.command.caller);
    berth?.line.delete(place);
    if (berth?.line.size !== 0) return;
    this.#byCaller.delete(berth.caller);
    this.#shares.leave(berth);
  }
}
