// Who has been let in and not been answered yet, and by when each has to be: one timer serves all of them, set to the
// first. Nobody is held in a Set or a Map here: V8 leaves behind the table of one whenever it makes a larger or a
// cleaner one, and what stood in a table that is old itself lives on until the next full collection.
import type { Clock } from "../../base/clock.js";
import { Heap } from "../../base/heap.js";
import type { Waiter } from "../waiter.js";

export class Deadlines {
  readonly #clock: Clock;
  readonly #expire: (waiter: Waiter) => void;
  /** Whose deadline has not come. */
  readonly #byDeadline = new Heap<Waiter>((a, b) => a.command.answerByMs < b.command.answerByMs);
  #size = 0;
  #armedMs = Infinity;
  #disarm: () => void = () => {};

  /** `expire` is called once for each whose deadline comes before its answer. */
  constructor(clock: Clock, expire: (waiter: Waiter) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  /** How many there are, with those who have expired and are about to be answered. */
  get size(): number {
    return this.#size;
  }

  /** Those who have not expired, in no order. */
  get waiting(): readonly Waiter[] {
    return [...this.#byDeadline];
  }

  add(waiter: Waiter): void {
    this.#size++;
    this.#byDeadline.add(waiter);
    this.#arm();
  }

  /** It has been answered. */
  delete(waiter: Waiter): void {
    this.#size--;
    this.#byDeadline.delete(waiter);
    if (this.#byDeadline.first) return; // the timer may come too early now, and is set again then
    this.#disarm();
    this.#armedMs = Infinity;
  }

  #arm(): void {
    const firstMs = this.#byDeadline.first?.command.answerByMs ?? Infinity;
    if (firstMs >= this.#armedMs) return;
    this.#disarm();
    this.#armedMs = firstMs;
    this.#disarm = this.#clock.at(firstMs, () => {
      this.#armedMs = Infinity;
      this.#expireDue();
      this.#arm();
    });
  }

  #expireDue(): void {
    const nowMs = this.#clock.now();
    for (
      let first = this.#byDeadline.first;
      first && first.command.answerByMs <= nowMs;
      first = this.#byDeadline.first
    ) {
      this.#byDeadline.delete(first);
      this.#expire(first);
    }
  }
}
