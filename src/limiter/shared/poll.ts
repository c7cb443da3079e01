// Schedules commands to the store: one at a time, each at the time named by the one before, or
// earlier if there is news.
import type { Clock } from "../../base/clock.js";

export class Poll {
  readonly #clock: Clock;
  readonly #ask: () => Promise<number>;
  #asking: Promise<void> | undefined;
  #dueMs = Infinity;
  #disarm: () => void = () => {};
  #isOver = false;

  /** `ask` must never reject. It resolves with the time of the next command. */
  constructor(clock: Clock, ask: () => Promise<number>) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Whether an answer is outstanding. */
  get isAsking(): boolean {
    return this.#asking !== undefined;
  }

  /** Asks by this time at the latest, or as soon after it as possible. */
  by(timeMs: number): void {
    if (timeMs >= this.#dueMs) return;
    this.#dueMs = timeMs;
    if (!this.#asking) this.#arm();
  }

  /** Waits for the outstanding answer, and stops asking. */
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
