// The clock of the store: wall time that never goes back, also over a restart, and that goes on
// while the wall clock stands behind it. An operation may expire early by it, but never late.

export class StoreTime {
  readonly #wallNow: () => number;
  readonly #now: () => number;
  #lastMs: number;
  #lastReadMs: number;

  /** `lastMs`: the latest time that is stored. `now` is monotonic. */
  constructor(wallNow: () => number, now: () => number, lastMs: number) {
    this.#wallNow = wallNow;
    this.#now = now;
    this.#lastMs = lastMs;
    this.#lastReadMs = now();
  }

  now(): number {
    const nowMs = this.#now();
    this.#lastMs = Math.max(this.#wallNow(), this.#lastMs + Math.max(nowMs - this.#lastReadMs, 0));
    this.#lastReadMs = nowMs;
    return Math.floor(this.#lastMs);
  }
}
