// How fast callers are told that they ask too much. Who floods asks again as soon as it is refused, and each time
// costs the same; a refusal that waits holds one of the flood's own streams instead, so that it slows itself down.
import type { Clock } from "../../base/clock.js";
import { MOST_REFUSALS_WAITING } from "../budget.js";

/** 500 a second: a twentieth of a processor. */
const TICK_MS = 20;
const OF_A_TICK = 10;

/** False if there was nobody left to refuse, which costs nothing. */
type Refuse = () => boolean;

export class RefusalPacer {
  readonly #clock: Clock;
  /** In the order of arrival. */
  readonly #waiting = new Set<Refuse>();
  #left = OF_A_TICK;
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
      this.#left = OF_A_TICK;
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
