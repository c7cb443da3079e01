// An ordered set that also accepts members in front, which precede the others in the order they
// were added. Adding, removing and finding the first member take constant time.
export class RequeueList<T> {
  readonly #front = new Set<T>();
  readonly #back = new Set<T>();

  get size(): number {
    return this.#front.size + this.#back.size;
  }

  /** Adds a member at the end, unless it is already in the list. */
  add(member: T): void {
    if (!this.#front.has(member)) this.#back.add(member);
  }

  /** Moves a member before all those added at the end. */
  addInFront(member: T): void {
    this.#back.delete(member);
    this.#front.add(member);
  }

  delete(member: T): void {
    if (!this.#front.delete(member)) this.#back.delete(member);
  }

  /**
   * Avoids a generator where possible, because every call iterates over the lists of thousands of
   * callers.
   */
  [Symbol.iterator](): Iterator<T> {
    return this.#front.size === 0 ? this.#back.values() : this.#both();
  }

  *#both(): Iterator<T> {
    yield* this.#front;
    yield* this.#back;
  }
}
