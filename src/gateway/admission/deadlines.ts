// Tracks admitted waiters until they are answered. One timer, set to the earliest deadline, serves
// all of them. They are kept in a heap, not in a Set or Map: when V8 resizes one of those, the old
// table can keep its former content alive until the next full collection (docs/adr/0021).
import type { Clock } from "../../base/clock.js";
import { Heap } from "../../base/heap.js";
import type { Waiter } from "../waiter.js";

export class Deadlines {
  readonly #clock: Clock;
  readonly #expire: (waiter: Waiter) => void;
  /** Waiters whose deadline has not passed. */
  readonly #byDeadline = new Heap<Waiter>((a, b) => a.command.answerByMs < b.command.answerByMs);
  #size = 0;
  #armedMs = Infinity;
  #disarm: () => void = () => {};

  /** `expire` is called once for each waiter that is not answered by its deadline. */
  constructor(clock: Clock, expire: (waiter: Waiter) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  /** The number of waiters, including those that expired and are about to be answered. */
  get size(): number {
    return this.#size;
  }

  /** The waiters that have not expired, in no particular order. */
  get waiting(): readonly Waiter[] {
    return [...this.#byDeadline];
  }

  add(waiter: Waiter): void {
    this.#size++;
    this.#byDeadline.add(waiter);
    this.#arm();
  }

  /** Removes a waiter that has been answered. */
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
