// The names of one upload, each once. Whole names are compared, not just hashes. Takes about 30
// bytes a name off the heap, where a Set of strings takes about 100 on it. The set grows in small
// parts, because rebuilding one table of millions of names would block the event loop.
import { randomInt } from "node:crypto";

const MOST_NAME_LENGTH = 32;

/** In a set of five million names, each has 20,000: milliseconds to rebuild. */
const PARTS = 256;

export class NameSet {
  readonly #parts: (Part | undefined)[] = Array.from({ length: PARTS }, () => undefined);
  /** The length of the name that is looked for, and the name. */
  readonly #entry = new Uint8Array(1 + MOST_NAME_LENGTH);
  /** Secret, so that nobody can choose names that collide. */
  readonly #seed = randomInt(2 ** 32);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds a valid device name: 4 to 32 ASCII characters. Returns false if it is there already. */
  add(name: string): boolean {
    const hash = this.#enter(name);
    const at = hash % PARTS;
    const part = this.#parts[at] ?? new Part(LEAST_FULL * (1 + at / PARTS));
    this.#parts[at] = part;
    if (!part.add(this.#entry, hash)) return false;
    this.#size++;
    return true;
  }

  /**
   * Forgets the names, and frees their memory now: it is not on the heap, so the collector would
   * leave it for minutes.
   */
  clear(): void {
    for (const part of this.#parts) part?.free();
    this.#parts.fill(undefined);
    this.#size = 0;
  }

  /**
   * Returns the hash of the name: FNV-1a, and a last mix because parts and places use different
   * bits.
   */
  #enter(name: string): number {
    let hash = this.#seed;
    this.#entry[0] = name.length;
    for (let at = 0; at < name.length; at++) {
      const code = name.charCodeAt(at);
      this.#entry[at + 1] = code;
      hash = Math.imul(hash ^ code, 0x01000193);
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    return (hash ^ (hash >>> 13)) >>> 0;
  }
}

const FIRST_NAMES = 16;

/**
 * Parts grow at different fill levels, up to twice this one, or all would grow at the same moment.
 */
const LEAST_FULL = 0.375;

/**
 * The names with one remainder of their hashes: bytes in one block, and a hash table. Blocks that
 * are no longer needed are freed at once, by `transfer`.
 */
class Part {
  readonly #mostFull: number;
  #bytes = new Uint8Array(FIRST_NAMES * MOST_NAME_LENGTH);
  #used = 0;
  /** At each place the offset of a name in `#bytes`, plus one, and its hash. 0 for a free place. */
  #table = new Uint32Array(2 * 2 * FIRST_NAMES);
  #names = 0;

  /** `mostFull`: how much of the table may be taken. */
  constructor(mostFull: number) {
    this.#mostFull = mostFull;
  }

  /** `entry`: the length of the name, and the name. */
  add(entry: Uint8Array, hash: number): boolean {
    const length = 1 + (entry[0] as number);
    let place = this.#firstPlaceOf(hash);
    for (; this.#table[place] !== 0; place = this.#placeAfter(place)) {
      if (this.#table[place + 1] === hash && this.#isAt((this.#table[place] as number) - 1, entry)) return false;
    }
    if (this.#used + length > this.#bytes.length) {
      this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(2 * this.#bytes.length));
    }
    for (let at = 0; at < length; at++) this.#bytes[this.#used + at] = entry[at] as number; // faster than a call
    this.#table[place] = this.#used + 1;
    this.#table[place + 1] = hash;
    this.#used += length;
    if (++this.#names > (this.#mostFull * this.#table.length) / 2) this.#grow();
    return true;
  }

  /** To be used no more after this. */
  free(): void {
    this.#bytes.buffer.transfer(0);
    this.#table.buffer.transfer(0);
  }

  #isAt(start: number, entry: Uint8Array): boolean {
    const length = 1 + (entry[0] as number);
    for (let at = 0; at < length; at++) if (this.#bytes[start + at] !== entry[at]) return false;
    return true;
  }

  #grow(): void {
    const old = this.#table;
    this.#table = new Uint32Array(2 * old.length);
    for (let from = 0; from < old.length; from += 2) {
      if (old[from] === 0) continue;
      let place = this.#firstPlaceOf(old[from + 1] as number);
      while (this.#table[place] !== 0) place = this.#placeAfter(place);
      this.#table[place] = old[from] as number;
      this.#table[place + 1] = old[from + 1] as number;
    }
    old.buffer.transfer(0);
  }

  #firstPlaceOf(hash: number): number {
    return (hash >>> 7) & (this.#table.length - 2);
  }

  #placeAfter(place: number): number {
    return (place + 2) & (this.#table.length - 1);
  }
}
