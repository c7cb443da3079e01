// Paces refusals. A flooding client retries the moment it is refused, and each refusal costs CPU.
// Delaying the refusal ties up one of its own streams, so the flood slows itself down.
import type { Clock } from "../../base/clock.js";
import { MOST_REFUSALS_WAITING } from "../resource-bounds.js";

/** 500 refusals a second, which take a twentieth of a processor. */
const TICK_MS = 20;
const REFUSALS_A_TICK = 10;

/** False if the client had left already, which costs nothing. */
type Refuse = () => boolean;

export class RefusalPacer {
  readonly #clock: Clock;
  /** In the order of arrival. */
  readonly #waiting = new Set<Refuse>();
  #left = REFUSALS_A_TICK;
  #tickEndsMs = -Infinity;
  #isArmed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  schedule(refuse: Refuse): void {
    if (this.#waiting.size >= MOST_REFUSALS_WAITING) refuse();
    else this.#waiting.add(refuse);
    this.#release();
  }

  #release(): void {
    const nowMs = this.#clock.now();
    if (nowMs >= this.#tickEndsMs) {
      this.#tickEndsMs = nowMs + TICK_MS;
      this.#left = REFUSALS_A_TICK;
    }
    for (const refuse of this.#waiting) {
      if (this.#left === 0) break;
      this.#waiting.delete(refuse);
      if (refuse()) this.#left--;
    }
    if (this.#waiting.size === 0 || this.#isArmed) return;
    this.#isArmed = true;
    this.#clock.at(this.#tickEndsMs, () => {
      this.#isArmed = false;
      this.#release();
    });
  }
}
