// Measures the way to the upstream and back while calls are made; an idle account measures nothing.
import type { Clock } from "../base/clock.js";
import { type RoundTrip, withRoundTrip } from "./hidden-time.js";

export interface RoundTripsOptions {
  readonly clock: Clock;
  /** Measures once, in ms. Undefined if it failed. Never rejects. */
  readonly measure: () => Promise<number | undefined>;
}

/** A single one may be late; of many in succession, the least is close to the way. */
export const ROUND_TRIP_EVERY_MS = 250;

export class RoundTrips {
  readonly #options: RoundTripsOptions;
  #recent: readonly RoundTrip[] = [];
  #begunMs = -Infinity;
  #isMeasuring = false;

  constructor(options: RoundTripsOptions) {
    this.#options = options;
  }

  get recent(): readonly RoundTrip[] {
    return this.#recent;
  }

  /** To be called when a call has been answered. Measures again if the last time is long ago. */
  refresh(): void {
    const nowMs = this.#options.clock.now();
    if (this.#isMeasuring || nowMs - this.#begunMs < ROUND_TRIP_EVERY_MS) return;
    this.#begunMs = nowMs;
    void this.#measure();
  }

  async #measure(): Promise<void> {
    const { clock, measure } = this.#options;
    this.#isMeasuring = true;
    const tookMs = await measure();
    this.#isMeasuring = false;
    if (tookMs !== undefined) this.#recent = withRoundTrip(this.#recent, { atMs: clock.now(), tookMs });
  }
}
