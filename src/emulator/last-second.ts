// Keeps the moments of the last second, half-open: a moment exactly one second ago is out. Never
// holds more than one second's worth, however long it is used.

export class LastSecond {
  #momentsMs: number[] = [];
  #head = 0;

  /** Adds a moment. Moments come in order. */
  add(nowMs: number): void {
    this.forget(nowMs);
    this.#momentsMs.push(nowMs);
  }

  /** Drops moments that are a second old. */
  forget(nowMs: number): void {
    while (this.#head < this.#momentsMs.length && nowMs - (this.#momentsMs[this.#head] ?? 0) >= 1000) this.#head++;
    // Compacts once the dropped moments are the greater part, so that each moment is moved at most
    // once.
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
