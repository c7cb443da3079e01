// An ordered set that can also take members in front: those go before the others, in the order they
// came. Adding, removing and finding the first are all of constant cost.
export class RequeueList<T> {
  readonly #front = new Set<T>();
  readonly #back = new Set<T>();

  get size(): number {
    return this.#front.size + this.#back.size;
  }

  /** At the end, unless it is in the line already. */
  add(member: T): void {
    if (!this.#front.has(member)) this.#back.add(member);
  }

  /** Before all that were added at the end. */
  addInFront(member: T): void {
    this.#back.delete(member);
    this.#front.add(member);
  }

  delete(member: T): void {
    if (!this.#front.delete(member)) this.#back.delete(member);
  }

  /** Of the set itself where it can be: lines of thousands of callers are begun for every call. */
  [Symbol.iterator](): Iterator<T> {
    return this.#front.size === 0 ? this.#back.values() : this.#both();
  }

  *#both(): Iterator<T> {
    yield* this.#front;
    yield* this.#back;
  }
}
