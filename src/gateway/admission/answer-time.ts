// How long a typical answer takes. Old answers are forgotten: after slow ones nobody in a hurry is taken
// into a call, and if everybody is in a hurry, no new answer would ever correct it.
import type { Clock } from "../../base/clock.js";

/** Assumed until an answer has been timed. */
const FIRST_MS = 50;

/** The weight of the latest answer in the typical one. */
const WEIGHT = 0.2;

/** After so long without an answer, half of the difference to FIRST_MS is forgotten. */
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

  /** An answer took so long. */
  note(answerMs: number): void {
    const typicalMs = this.typicalMs;
    this.#answerMs = typicalMs + WEIGHT * (answerMs - typicalMs);
    this.#timedMs = this.#clock.now();
  }
}
