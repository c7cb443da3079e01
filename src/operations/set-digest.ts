// A digest of a set of names that depends neither on their order nor on how they were cut into
// messages: the sum of their SHA-256, modulo 2^256.
import { hash } from "node:crypto";

const WORDS = 8;

export class SetDigest {
  readonly #words = new Uint32Array(WORDS);

  /** Each name once. */
  add(name: string): void {
    const digest = hash("sha256", name, "buffer");
    let carry = 0;
    for (let word = WORDS - 1; word >= 0; word--) {
      const sum = (this.#words[word] as number) + digest.readUInt32BE(4 * word) + carry;
      this.#words[word] = sum; // modulo 2^32
      carry = sum > 0xffff_ffff ? 1 : 0;
    }
  }

  hex(): string {
    return [...this.#words].map((word) => word.toString(16).padStart(8, "0")).join("");
  }
}
