// Measures the way to the upstream and back while calls are made; an idle account measures nothing.
import { type Clock, sleepUntil } from "../base/clock.js";
import { type RoundTrip, withRoundTrip } from "./hidden-time.js";

export interface RoundTripsOptions {
  readonly clock: Clock;
  /** Measures once, in ms. Undefined if it failed. Never rejects. */
  readonly measure: () => Promise<number | undefined>;
}

/** A single one may be late; of many in succession, the least is close to the way. */
export const ROUND_TRIP_EVERY_MS = 250;

/** How long after an answer calls are still being made. */
const ACTIVE_MS = 1000;

export class RoundTrips {
  readonly #options: RoundTripsOptions;
  #recent: readonly RoundTrip[] = [];
  #answeredMs = -Infinity;
  #isMeasuring = false;

  constructor(options: RoundTripsOptions) {
    this.#options = options;
  }

  get recent(): readonly RoundTrip[] {
    return this.#recent;
  }

  /** To be called when a call has been answered. Measures until none has been for a while. */
  refresh(): void {
    this.#answeredMs = this.#options.clock.now();
    if (!this.#isMeasuring) void this.#measure();
  }

  async #measure(): Promise<void> {
    const { clock, measure } = this.#options;
    this.#isMeasuring = true;
    while (clock.now() - this.#answeredMs < ACTIVE_MS) {
      const nextMs = clock.now() + ROUND_TRIP_EVERY_MS;
      const tookMs = await measure();
      if (tookMs !== undefined) this.#recent = withRoundTrip(this.#recent, { atMs: clock.now(), tookMs });
      await sleepUntil(clock, nextMs);
    }
    this.#isMeasuring = false;
  }
}
