// The names of one upload, each once. Whole names are compared, not just hashes. Takes about 30
// bytes a name off the heap, where a Set of strings takes about 100 on it. The set grows in small
// parts, because rebuilding one table of millions of names would block the event loop.
import { randomInt } from "node:crypto";

const MOST_NAME_LENGTH = 32;

/** In a set of five million names, each has 20,000: milliseconds to rebuild. */
const PARTS = 256;

export class NameSet {
  readonly #parts: (Part | undefined)[] = Array.from({ length: PARTS }, () => undefined);
  /** The length of the name that is looked for, the name, and zeros up to a whole word. */
  readonly #entry = new Uint8Array(4 * wordsFor(MOST_NAME_LENGTH));
  readonly #words = new Uint32Array(this.#entry.buffer);
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
    if (!part.add(this.#words, wordsFor(name.length), hash)) return false;
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
    this.#words[wordsFor(name.length) - 1] = 0;
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

/** For a name of so many characters and its length. */
function wordsFor(length: number): number {
  return (length >> 2) + 1;
}

const FIRST_NAMES = 16;

/**
 * Parts grow at different fill levels, up to twice this one, or all would grow at the same moment.
 */
const LEAST_FULL = 0.375;

/**
 * The names with one remainder of their hashes in one block, and a hash table in another. Blocks that
 * are no longer needed are freed at once.
 */
class Part {
  readonly #mostFull: number;
  /** Whole words, because each access to a block costs the same. */
  #words = blockOf(FIRST_NAMES * wordsFor(MOST_NAME_LENGTH));
  #used = 0;
  /** At each place the offset of a name in `#words`, plus one, and its hash. 0 for a free place. */
  #table = blockOf(2 * 2 * FIRST_NAMES);
  #names = 0;

  /** `mostFull`: how much of the table may be taken. */
  constructor(mostFull: number) {
    this.#mostFull = mostFull;
  }

  /** `entry`: a name in so many words. */
  add(entry: Uint32Array, words: number, hash: number): boolean {
    let place = this.#firstPlaceOf(hash);
    for (; this.#table[place] !== 0; place = this.#placeAfter(place)) {
      if (this.#table[place + 1] === hash && this.#isAt((this.#table[place] as number) - 1, entry, words)) return false;
    }
    if (this.#used + words > this.#words.length) this.#lengthen();
    for (let at = 0; at < words; at++) this.#words[this.#used + at] = entry[at] as number; // faster than a call
    this.#table[place] = this.#used + 1;
    this.#table[place + 1] = hash;
    this.#used += words;
    if (++this.#names > (this.#mostFull * this.#table.length) / 2) this.#grow();
    return true;
  }

  /** To be used no more after this. */
  free(): void {
    free(this.#words);
    free(this.#table);
  }

  #isAt(start: number, entry: Uint32Array, words: number): boolean {
    for (let at = 0; at < words; at++) if (this.#words[start + at] !== entry[at]) return false;
    return true;
  }

  #lengthen(): void {
    const old = this.#words;
    this.#words = blockOf(2 * old.length);
    this.#words.set(old);
    free(old);
  }

  #grow(): void {
    const old = this.#table;
    this.#table = blockOf(2 * old.length);
    for (let from = 0; from < old.length; from += 2) {
      if (old[from] === 0) continue;
      let place = this.#firstPlaceOf(old[from + 1] as number);
      while (this.#table[place] !== 0) place = this.#placeAfter(place);
      this.#table[place] = old[from] as number;
      this.#table[place + 1] = old[from + 1] as number;
    }
    free(old);
  }

  #firstPlaceOf(hash: number): number {
    return (hash >>> 7) & (this.#table.length - 2);
  }

  #placeAfter(place: number): number {
    return (place + 2) & (this.#table.length - 1);
  }
}

/**
 * Words with pages of their own, as resizable buffers have: the system gets them back when they are
 * freed. The allocator keeps other buffers for later, 40 MB after a million names.
 */
function blockOf(words: number): Block {
  const bytes = words * Uint32Array.BYTES_PER_ELEMENT;
  return new Uint32Array(new ArrayBuffer(bytes, { maxByteLength: bytes }));
}

type Block = Uint32Array<ArrayBuffer>;

function free({ buffer }: Block): void {
  buffer.transfer(0);
}
