// An ordered set that also takes members in front: they go before the others, in the order they came. Adding, removing
// and finding the first member take constant time.
export class RequeueList<T> {
  readonly #front = new Set<T>();
  readonly #back = new Set<T>();

  get size(): number {
    return this.#front.size + this.#back.size;
  }

  /** Adds a member at the end, unless it is in the list already. */
  add(member: T): void {
    if (!this.#front.has(member)) this.#back.add(member);
  }

  /** Puts a member before all that were added at the end. */
  addInFront(member: T): void {
    this.#back.delete(member);
    this.#front.add(member);
  }

  delete(member: T): void {
    if (!this.#front.delete(member)) this.#back.delete(member);
  }

  /** Without a generator where possible: every call begins to iterate over the lists of thousands of callers. */
  [Symbol.iterator](): Iterator<T> {
    return this.#front.size === 0 ? this.#back.values() : this.#both();
  }

  *#both(): Iterator<T> {
    yield* this.#front;
    yield* this.#back;
  }
}
