// Maps each device of a scope queue to the entries that wait for it. A device waits once, however
// many requests name it. Nearly all devices have a single entry, so only the others have lists:
// with lists for all, a million devices take 77 MB instead of 21 MB.
import type { QueueEntry } from "./queue-entry.js";

const NOBODY: readonly QueueEntry[] = [];

export class EntriesByDevice {
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

  /** The other entries that wait for the device; undefined if this entry does not wait for it. */
  othersOf(name: string, entry: QueueEntry): readonly QueueEntry[] | undefined {
    const owned = this.#byDevice.get(name);
    if (owned === entry) return NOBODY;
    return Array.isArray(owned) && owned.includes(entry) ? owned.filter((other) => other !== entry) : undefined;
  }

  /** Removes the entry from the device. Returns false if it did not wait for it. */
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
