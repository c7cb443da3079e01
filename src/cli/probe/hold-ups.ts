// Measures when this process was held up, by a machine that is too busy: its timers are late then.
// The time of a call, by the clock of this process, may be too long by as much.
import { type Clock, every } from "../../base/clock.js";
import type { Times } from "./wire.js";

const TICK_MS = 10;
/** Timers are late by a millisecond or two as a rule. */
const TOLERATED_MS = 3;

export class HoldUps {
  readonly #found: { readonly fromMs: number; readonly untilMs: number }[] = [];
  readonly #disarm: () => void;

  constructor(clock: Clock) {
    let lastMs = clock.now();
    this.#disarm = every(clock, TICK_MS, () => {
      const untilMs = clock.now();
      if (untilMs - lastMs > TICK_MS + TOLERATED_MS) this.#found.push({ fromMs: lastMs, untilMs });
      lastMs = untilMs;
    });
  }

  /** An upper bound of how much of the time of a call it was. */
  within({ sentMs, answeredMs }: Times): number {
    const parts = this.#found.map(({ fromMs, untilMs }) => Math.min(untilMs, answeredMs) - Math.max(fromMs, sentMs));
    return parts.reduce((sum, partMs) => sum + Math.max(partMs, 0), 0);
  }

  /** Measures no longer. */
  end(): void {
    this.#disarm();
  }
}
