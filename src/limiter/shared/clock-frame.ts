// Notices when the store's clock has moved against ours. A reply was made between our asking and our hearing it, so each
// gives an interval that the difference of the two clocks lies in. Two intervals that lie apart mean a step.

/** Clocks drift, and leases have this much to spare. */
export const TOLERANCE_MS = 1000;

export class ClockFrame {
  #least = -Infinity;
  #most = Infinity;

  /** A reply made at `storeMs` by the store's clock. False if that clock has stepped since the reply before it. */
  note(storeMs: number, askedMs: number, heardMs: number): boolean {
    const [least, most] = [storeMs - heardMs, storeMs - askedMs];
    const isSteady = least - this.#most <= TOLERANCE_MS && this.#least - most <= TOLERANCE_MS;
    this.#least = least;
    this.#most = most;
    return isSteady;
  }
}
