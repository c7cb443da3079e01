// Remembers used nonces, each for as long as a call that carries it could pass the clock check. A
// timestamp may lie as far in the future as in the past, hence twice the clock tolerance.
import type { Clock } from "../../base/clock.js";

/** How far a call's timestamp may be from the server's clock, either way. */
export const CLOCK_TOLERANCE_MS = 15 * 60 * 1000;

export class Nonces {
  readonly #clock: Clock;
  /** In the order of use, which is the order of expiry. */
  readonly #usedAtMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes a nonce. Returns false if it was used before. */
  use(nonce: string): boolean {
    const nowMs = this.#clock.now();
    for (const [old, usedAtMs] of this.#usedAtMs) {
      if (nowMs - usedAtMs <= 2 * CLOCK_TOLERANCE_MS) break;
      this.#usedAtMs.delete(old);
    }
    if (this.#usedAtMs.has(nonce)) return false;
    this.#usedAtMs.set(nonce, nowMs);
    return true;
  }
}
