// Which entries wait for each device of a scope queue. A device waits once, however many requests name it. Nearly every
// one has a single entry, so only the others have lists: with a list for each, a million devices take 77 MB, not 21.
import type { QueueEntry } from "./queue-entry.js";

const NOBODY: readonly QueueEntry[] = [];

export class Owners {
  readonly #byDevice = new Map<string, QueueEntry | QueueEntry[]>();

  get size(): number {
    return this.#byDevice.size;
  }

  add(name: string, entry: QueueEntry): void {
    const owned = this.#byDevice.get(name);
    if (owned === undefined) this.#byDevice.set(name, entry);
    else if (Array.isArray(owned)) owned.push(entry);
    else this.#byDevice.set(name, [owned, entry]);
  }

  /** The entries beside this one that wait for the device; undefined if this one does not. */
  othersOf(name: string, entry: QueueEntry): readonly QueueEntry[] | undefined {
    const owned = this.#byDevice.get(name);
    if (owned === entry) return NOBODY;
    return Array.isArray(owned) && owned.includes(entry) ? owned.filter((other) => other !== entry) : undefined;
  }

  /** The entry no longer waits for the device. False if it did not before. */
  remove(name: string, entry: QueueEntry): boolean {
    const owned = this.#byDevice.get(name);
    if (!Array.isArray(owned)) return owned === entry && this.#byDevice.delete(name);
    const index = owned.indexOf(entry);
    if (index < 0) return false;
    owned.splice(index, 1); // in place: thousands of requests may name one device
    if (owned.length === 0) this.#byDevice.delete(name);
    return true;
  }

  delete(name: string): void {
    this.#byDevice.delete(name);
  }
}
