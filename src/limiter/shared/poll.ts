// When to ask the store: one command at a time, each when the one before it said or something has come up.
import type { Clock } from "../../base/clock.js";

export class Poll {
  readonly #clock: Clock;
  readonly #ask: () => Promise<number>;
  #asking: Promise<void> | undefined;
  #dueMs = Infinity;
  #disarm: () => void = () => {};
  #isOver = false;

  /** `ask` never rejects; it resolves with the time at which it wants to ask again. */
  constructor(clock: Clock, ask: () => Promise<number>) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Asks at this time at the latest, or as soon as it can after it. */
  by(timeMs: number): void {
    if (timeMs >= this.#dueMs) return;
    this.#dueMs = timeMs;
    if (!this.#asking) this.#arm();
  }

  /** Waits for the answer that is outstanding, and asks no more. */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#disarm();
    await this.#asking;
  }

  #arm(): void {
    this.#disarm();
    if (this.#isOver || this.#dueMs === Infinity) return;
    if (this.#dueMs <= this.#clock.now()) this.#begin();
    else this.#disarm = this.#clock.at(this.#dueMs, () => this.#begin());
  }

  #begin(): void {
    this.#dueMs = Infinity;
    this.#asking = this.#ask().then((nextMs) => {
      this.#asking = undefined;
      this.#dueMs = Math.min(this.#dueMs, nextMs);
      this.#arm();
    });
  }
}
