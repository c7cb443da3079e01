// How long a typical answer takes. Old answers lose weight with time: after slow answers, requests in a hurry are no
// longer taken into calls, and if every request is in a hurry, no new answer would ever correct the estimate.
import type { Clock } from "../../base/clock.js";

/** Assumed until an answer has been timed. */
const FIRST_MS = 50;

/** The weight of the latest answer. */
const WEIGHT = 0.2;

/** After so long without an answer, the estimate is half way back to FIRST_MS. */
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

  /** An answer has come after so long. */
  note(answerMs: number): void {
    const typicalMs = this.typicalMs;
    this.#answerMs = typicalMs + WEIGHT * (answerMs - typicalMs);
    this.#timedMs = this.#clock.now();
  }
}
