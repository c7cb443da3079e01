// Knows which callers have credit, because they had no seat lately: one of those may go first. All
// callers without a verified identity share one name, and so one credit.

/** A caller without a seat for this long has credit. */
const LATELY_MS = 1000;

export class Credits {
  readonly #nameOf: (caller: string) => string;
  /** When each name last had a seat. */
  readonly #servedMs = new Map<string, number>();

  /** `nameOf`: the name under which a caller's credit is kept. */
  constructor(nameOf: (caller: string) => string) {
    this.#nameOf = nameOf;
  }

  /** The time from which on the caller has credit, unless it has another seat before. */
  sinceMs(caller: string): number {
    return (this.#servedMs.get(this.#nameOf(caller)) ?? -Infinity) + LATELY_MS;
  }

  noteSeat(caller: string, nowMs: number): void {
    this.#servedMs.set(this.#nameOf(caller), nowMs);
  }

  /** Drops what no longer matters. */
  forget(nowMs: number): void {
    for (const [name, servedMs] of this.#servedMs) if (nowMs - servedMs >= LATELY_MS) this.#servedMs.delete(name);
  }
}
