// A binary heap of members whose order changes. The first member is always at hand; adding,
// removing and moving cost O(log n). Invariant: no member comes before its parent, which stands at
// half its position.

export interface HeapMember {
  /** Kept by the heap; -1 for a member outside it. */
  position: number;
}

export class Heap<T extends HeapMember> {
  readonly #members: T[] = [];
  readonly #goesBefore: (a: T, b: T) => boolean;

  constructor(goesBefore: (a: T, b: T) => boolean) {
    this.#goesBefore = goesBefore;
  }

  get first(): T | undefined {
    return this.#members[0];
  }

  /** Iterates in no particular order. */
  [Symbol.iterator](): Iterator<T> {
    return this.#members.values();
  }

  add(member: T): void {
    this.#rise(member, this.#members.length);
  }

  delete(member: T): void {
    const { position } = member;
    const last = position < 0 ? undefined : this.#members.pop();
    member.position = -1;
    if (!last || last === member) return;
    this.#put(last, position);
    this.move(last);
  }

  /** Restores the order after a member has changed. */
  move(member: T): void {
    const { position } = member;
    this.#rise(member, position);
    if (member.position === position) this.#sink(member, position);
  }

  #rise(member: T, from: number): void {
    let position = from;
    while (position > 0) {
      const above = (position - 1) >> 1;
      const parent = this.#members[above] as T;
      if (!this.#goesBefore(member, parent)) break;
      this.#put(parent, position);
      position = above;
    }
    this.#put(member, position);
  }

  #sink(member: T, from: number): void {
    let position = from;
    for (let below = 2 * position + 1; below < this.#members.length; below = 2 * position + 1) {
      let child = this.#members[below] as T;
      const other = this.#members[below + 1];
      if (other && this.#goesBefore(other, child)) child = other;
      if (!this.#goesBefore(child, member)) break;
      const next = child.position;
      this.#put(child, position);
      position = next;
    }
    this.#put(member, position);
  }

  #put(member: T, position: number): void {
    this.#members[position] = member;
    member.position = position;
  }
}
