// The wait before the next attempt after an error: twice as long each time, within bounds, and
// short again after a success.
import { type Clock, sleepUntil } from "../base/clock.js";

const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 4000;

export class Backoff {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #waitMs = FIRST_BACKOFF_MS;

  /** `signal` ends a wait early. */
  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
  }

  succeeded(): void {
    this.#waitMs = FIRST_BACKOFF_MS;
  }

  async wait(): Promise<void> {
    const untilMs = this.#clock.now() + this.#waitMs;
    this.#waitMs = Math.min(2 * this.#waitMs, LONGEST_BACKOFF_MS);
    await sleepUntil(this.#clock, untilMs, this.#signal).catch(() => {});
  }
}
