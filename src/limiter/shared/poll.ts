// When to talk to the store: one command at a time, each when the one before it said or something has come up.
import type { Clock } from "../../base/clock.js";

export class Conversation {
  readonly #clock: Clock;
  readonly #speak: () => Promise<number>;
  #speaking: Promise<void> | undefined;
  #dueMs = Infinity;
  #disarm: () => void = () => {};
  #isOver = false;

  /** `speak` never rejects; it resolves with the time at which it wants to speak again. */
  constructor(clock: Clock, speak: () => Promise<number>) {
    this.#clock = clock;
    this.#speak = speak;
  }

  /** Speaks at this time at the latest, or as soon as it can after it. */
  by(timeMs: number): void {
    if (timeMs >= this.#dueMs) return;
    this.#dueMs = timeMs;
    if (!this.#speaking) this.#arm();
  }

  /** Waits for the answer that is outstanding, and speaks no more. */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#disarm();
    await this.#speaking;
  }

  #arm(): void {
    this.#disarm();
    if (this.#isOver || this.#dueMs === Infinity) return;
    if (this.#dueMs <= this.#clock.now()) this.#begin();
    else this.#disarm = this.#clock.at(this.#dueMs, () => this.#begin());
  }

  #begin(): void {
    this.#dueMs = Infinity;
    this.#speaking = this.#speak().then((nextMs) => {
      this.#speaking = undefined;
      this.#dueMs = Math.min(this.#dueMs, nextMs);
      this.#arm();
    });
  }
}
