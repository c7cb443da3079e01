// Estimates the typical answer time. Old answers lose weight with time. Otherwise slow answers
// would keep requests with short deadlines out of calls forever: if all requests have short
// deadlines, no new answer would correct the estimate.
import type { Clock } from "../../base/clock.js";

/** Assumed until the first answer. */
const FIRST_MS = 50;

/** The weight of the latest answer. */
const WEIGHT = 0.2;

/** After this long without an answer, the estimate is halfway back to FIRST_MS. */
const HALF_LIFE_MS = 10_000;

export class AnswerTime {
  readonly #clock: Clock;
  #answerMs = FIRST_MS;
  #timedMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get typicalMs(): number {
    const left = 0.5 ** ((this.#clock.now() - this.#timedMs) / HALF_LIFE_MS);
    return FIRST_MS + (this.#answerMs - FIRST_MS) * left;
  }

  /** Records the time of an answer. */
  note(answerMs: number): void {
    const typicalMs = this.typicalMs;
    this.#answerMs = typicalMs + WEIGHT * (answerMs - typicalMs);
    this.#timedMs = this.#clock.now();
  }
}
