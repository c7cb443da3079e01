// One caller's entries, in the order in which they have its turns: first those whose calls were
// turned away, then by turns those whose last call failed and those that are left, in order of
// arrival. So a scope whose calls fail takes no more than every other turn of its callers, however
// much waits in it.

/**
 * The place of devices that come back from a call. `kept`: as if there had been no call. `spent`:
 * their callers have had the turn, and their entries go first in the next. `failed`: these share
 * the turns with their callers' other entries.
 */
export type Returned = "kept" | "spent" | "failed";

export class TurnList<T> {
  readonly #front = new Set<T>();
  readonly #back = new Set<T>();
  /** The latest to fail is last. Undefined until one fails: there are lists of many callers. */
  #failed: Set<T> | undefined;
  #hadFailed = false;

  get size(): number {
    return this.#front.size + this.#back.size + (this.#failed?.size ?? 0);
  }

  /** Adds a member, or moves it to its place. One that is not `returned` keeps its former place. */
  add(member: T, returned?: Returned): void {
    if (returned === "failed") {
      this.delete(member);
      this.#failed ??= new Set();
      this.#failed.add(member);
    } else if (returned) {
      this.#back.delete(member);
      this.#failed?.delete(member);
      this.#front.add(member);
    } else if (!this.#front.has(member) && !this.#failed?.has(member)) {
      this.#back.add(member);
    }
  }

  delete(member: T): void {
    if (!this.#front.delete(member) && !this.#back.delete(member)) this.#failed?.delete(member);
  }

  /** The member that has the next turn, of those that may go. */
  first(mayGo: (member: T) => boolean): T | undefined {
    const failed = this.#failed ?? [];
    const lists = this.#hadFailed ? [this.#front, this.#back, failed] : [this.#front, failed, this.#back];
    for (const list of lists) for (const member of list) if (mayGo(member)) return member;
    return undefined;
  }

  /** To be called when a member has had a turn, before it leaves. */
  noteTurn(member: T): void {
    this.#hadFailed = this.#failed?.has(member) ?? false;
  }
}
