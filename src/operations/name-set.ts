// The names of one upload, each once: bytes in one block, and a hash table of offsets. Takes about 30
// bytes a name outside the heap, where a Set of strings takes a hundred on it. Names are compared,
// never hashes alone.
import { randomInt } from "node:crypto";

const FIRST_NAMES = 1024;
const MOST_NAME_BYTES = 32;

export class NameSet {
  #bytes = Buffer.allocUnsafe(FIRST_NAMES * MOST_NAME_BYTES);
  #used = 0;
  /** Offset of each name in `#bytes`, plus one; 0 for a free place. At most half are taken. */
  #places = new Uint32Array(4 * FIRST_NAMES);
  #size = 0;
  /** Secret, so that nobody can choose names that collide. */
  readonly #seed = randomInt(2 ** 32);

  get size(): number {
    return this.#size;
  }

  /** Adds a valid device name: 4 to 32 ASCII characters. Returns false if it is there already. */
  add(name: string): boolean {
    if (2 * (this.#size + 1) > this.#places.length) this.#grow();
    const start = this.#used;
    if (start + name.length + 1 > this.#bytes.length) {
      const bytes = Buffer.allocUnsafe(2 * this.#bytes.length);
      this.#bytes.copy(bytes, 0, 0, start);
      this.#bytes = bytes;
    }
    this.#bytes[start] = name.length;
    this.#bytes.write(name, start + 1, "latin1");
    const place = this.#placeOf(start);
    if (this.#places[place] !== 0) return false;
    this.#places[place] = start + 1;
    this.#used = start + 1 + name.length;
    this.#size++;
    return true;
  }

  /** The place of the name at this offset, or the free one where it belongs. */
  #placeOf(start: number): number {
    const bytes = this.#bytes;
    const length = bytes[start] as number;
    const mask = this.#places.length - 1;
    for (let place = this.#hashAt(start, length) & mask; ; place = (place + 1) & mask) {
      const other = (this.#places[place] as number) - 1;
      if (other < 0 || other === start) return place;
      if (bytes.compare(bytes, other, other + 1 + length, start, start + 1 + length) === 0) return place;
    }
  }

  /** FNV-1a, and a last mix because only the low bits are used. */
  #hashAt(start: number, length: number): number {
    let hash = this.#seed;
    for (let at = start + 1; at <= start + length; at++)
      hash = Math.imul(hash ^ (this.#bytes[at] as number), 0x01000193);
    return (hash ^ (hash >>> 15)) >>> 0;
  }

  #grow(): void {
    const old = this.#places;
    this.#places = new Uint32Array(2 * old.length);
    for (const offset of old) if (offset !== 0) this.#places[this.#placeOf(offset - 1)] = offset;
  }
}
