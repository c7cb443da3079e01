// Remembers which devices were recently found to exist, in bounded memory. Missing ones are not
// remembered: they may be created at any moment, so they are asked for again each time.
import type { Scope } from "../command.js";

/** How long a found name is believed. A device deleted meanwhile costs one refused call. */
const BELIEVED_MS = 300_000;
/** A name takes 41 bytes, and its text if nothing else holds it: about 16 MB in all. */
const MOST_NAMES = 200_000;

/** By product, the names found and the second when they were. */
type Generation = Map<string, Map<string, number>>;

export class FoundNames {
  readonly #most: number;
  /** The older half goes as a whole when the newer one is full. */
  #older: Generation = new Map();
  #newer: Generation = new Map();
  #newerSize = 0;
  #newerSinceMs = -Infinity;

  constructor(most = MOST_NAMES) {
    this.#most = most;
  }

  /** How many names are remembered, some perhaps twice. */
  get size(): number {
    let size = this.#newerSize;
    for (const names of this.#older.values()) size += names.size;
    return size;
  }

  /** These devices of the scope's product exist at this time. */
  note(scope: Scope, names: Iterable<string>, nowMs: number): void {
    if (nowMs - this.#newerSinceMs > BELIEVED_MS) this.#age(nowMs);
    const key = productKeyOf(scope);
    const second = Math.floor(nowMs / 1000); // a small integer, that takes no memory of its own
    for (const name of names) {
      if (this.#newerSize >= this.#most / 2) this.#age(nowMs);
      let found = this.#newer.get(key);
      if (!found) {
        found = new Map();
        this.#newer.set(key, found);
      }
      if (!found.has(name)) this.#newerSize++;
      found.set(name, second);
    }
  }

  /** Whether the device was found not longer ago than this, and than what is found is believed. */
  has(scope: Scope, name: string, nowMs: number, withinMs = BELIEVED_MS): boolean {
    const key = productKeyOf(scope);
    const second = this.#newer.get(key)?.get(name) ?? this.#older.get(key)?.get(name);
    return second !== undefined && nowMs - second * 1000 <= Math.min(withinMs, BELIEVED_MS);
  }

  /** The device may exist no longer. */
  forget(scope: Scope, name: string): void {
    const key = productKeyOf(scope);
    if (this.#newer.get(key)?.delete(name)) this.#newerSize--;
    this.#older.get(key)?.delete(name);
  }

  #age(nowMs: number): void {
    this.#older = this.#newer;
    this.#newer = new Map();
    this.#newerSize = 0;
    this.#newerSinceMs = nowMs;
  }
}

/** Neither may contain a line break. */
function productKeyOf({ iotInstanceId, productKey }: Scope): string {
  return `${iotInstanceId}\n${productKey}`;
}
