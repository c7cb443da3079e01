// The moments of the last second, half-open: what happened exactly one second ago is not in it. Holds
// no more than one second's worth of moments, however long it is used.

export class LastSecond {
  #momentsMs: number[] = [];
  #head = 0;

  /** Moments come in order. */
  add(nowMs: number): void {
    this.forget(nowMs);
    this.#momentsMs.push(nowMs);
  }

  /** Drops what is a second old. */
  forget(nowMs: number): void {
    while (this.#head < this.#momentsMs.length && nowMs - (this.#momentsMs[this.#head] ?? 0) >= 1000) this.#head++;
    // Cut off what was dropped once it is the greater part, so that each moment is moved once at most.
    if (this.#head * 2 > this.#momentsMs.length) {
      this.#momentsMs = this.#momentsMs.slice(this.#head);
      this.#head = 0;
    }
  }

  get size(): number {
    return this.#momentsMs.length - this.#head;
  }

  get oldestMs(): number | undefined {
    return this.#momentsMs[this.#head];
  }
}
