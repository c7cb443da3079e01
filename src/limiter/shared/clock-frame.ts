// Detects when the store's clock has stepped relative to ours. Each reply was made between our
// asking and our receiving it, which gives an interval for the difference of the two clocks. Two
// disjoint intervals mean a step.

/** Tolerated clock drift; leases include this much spare time. */
export const TOLERANCE_MS = 1000;

export class ClockFrame {
  #least = -Infinity;
  #most = Infinity;

  /**
   * Records a reply made at `storeMs` by the store's clock. Returns false if that clock has stepped
   * since the last reply.
   */
  note(storeMs: number, askedMs: number, heardMs: number): boolean {
    const [least, most] = [storeMs - heardMs, storeMs - askedMs];
    const isSteady = least - this.#most <= TOLERANCE_MS && this.#least - most <= TOLERANCE_MS;
    this.#least = least;
    this.#most = most;
    return isSteady;
  }
}
