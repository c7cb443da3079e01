// Relates the store's clock to ours. Each reply was made between our asking and our receiving it,
// which gives an interval for the difference of the two clocks; what several intervals have in
// common is narrower. Two intervals that are apart mean that a clock has stepped.

/** Tolerated clock drift; leases include this much spare time. */
export const TOLERANCE_MS = 1000;

/** How fast two clocks may drift apart, in ms for each ms. */
const DRIFT = 0.001;

/** The weight of the latest round trip in the typical one. */
const TRIP_WEIGHT = 1 / 8;

export class ClockFrame {
  /** The store's time minus ours, at least and at most. */
  #least = -Infinity;
  #most = Infinity;
  #heardMs = 0;
  #tripMs: number | undefined;
  #tripVariesMs = 0;

  /**
   * Records a reply made at `storeMs` by the store's clock. Returns false if that clock has stepped
   * since the last reply.
   */
  note(storeMs: number, askedMs: number, heardMs: number): boolean {
    const [least, most] = [storeMs - heardMs, storeMs - askedMs];
    const driftMs = (heardMs - this.#heardMs) * DRIFT;
    const [formerLeast, formerMost] = [this.#least - driftMs, this.#most + driftMs];
    const isSteady = least - formerMost <= TOLERANCE_MS && formerLeast - most <= TOLERANCE_MS;
    const isSame = least <= formerMost && formerLeast <= most;
    this.#least = isSame ? Math.max(least, formerLeast) : least;
    this.#most = isSame ? Math.min(most, formerMost) : most;
    this.#heardMs = heardMs;
    this.#noteTrip(heardMs - askedMs);
    return isSteady;
  }

  /**
   * Our time at which the store's clock has certainly reached `storeMs`: as late as a reply of that
   * time would arrive here on the fastest way.
   */
  reachedMs(storeMs: number): number {
    return storeMs - this.#least;
  }

  /** The shortest time of a command, there and back; 0 as long as none is known. */
  get leastTripMs(): number {
    return this.#tripMs === undefined ? 0 : Math.max(this.#most - this.#least, 0);
  }

  /** A time that a command rarely takes longer than. */
  get longTripMs(): number {
    return (this.#tripMs ?? 0) + 2 * this.#tripVariesMs;
  }

  #noteTrip(tripMs: number): void {
    const typicalMs = this.#tripMs ?? tripMs;
    this.#tripMs = typicalMs + (tripMs - typicalMs) * TRIP_WEIGHT;
    this.#tripVariesMs += (Math.abs(tripMs - typicalMs) - this.#tripVariesMs) * TRIP_WEIGHT;
  }
}
