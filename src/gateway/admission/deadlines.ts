// Tracks the waiters that were let in until they are answered. One timer, set to the earliest deadline, serves all of
// them. They stand in a heap, not in a Set or Map: when V8 enlarges or cleans one of those, the old table can keep
// everything that stood in it alive until the next full collection (docs/adr/0021).
import type { Clock } from "../../base/clock.js";
import { Heap } from "../../base/heap.js";
import type { Waiter } from "../waiter.js";

export class Deadlines {
  readonly #clock: Clock;
  readonly #expire: (waiter: Waiter) => void;
  /** Waiters whose deadline has not come. */
  readonly #byDeadline = new Heap<Waiter>((a, b) => a.command.answerByMs < b.command.answerByMs);
  #size = 0;
  #armedMs = Infinity;
  #disarm: () => void = () => {};

  /** `expire` is called once for each waiter whose deadline comes before its answer. */
  constructor(clock: Clock, expire: (waiter: Waiter) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  /** The number of waiters, including those that have expired and are about to be answered. */
  get size(): number {
    return this.#size;
  }

  /** The waiters that have not expired, in no order. */
  get waiting(): readonly Waiter[] {
    return [...this.#byDeadline];
  }

  add(waiter: Waiter): void {
    this.#size++;
    this.#byDeadline.add(waiter);
    this.#arm();
  }

  /** The waiter has been answered. */
  delete(waiter: Waiter): void {
    this.#size--;
    this.#byDeadline.delete(waiter);
    if (this.#byDeadline.first) return; // the timer may now fire early, and is set again then
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
    let { first } = this.#byDeadline;
    while (first && first.command.answerByMs <= nowMs) {
      this.#byDeadline.delete(first);
      this.#expire(first);
      ({ first } = this.#byDeadline);
    }
  }
}
