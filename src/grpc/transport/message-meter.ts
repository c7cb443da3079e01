// Follows the messages of one stream on the wire: how long each is, and since when one is under way. It reads the
// five bytes before each message, and keeps nothing of what it reads.

const PREFIX_BYTES = 5;

export class MessageMeter {
  readonly #mostBytes: number;
  /** Of the prefix that is being read. */
  #prefixBytes = 0;
  #length = 0;
  #left = 0;
  /** Lengths of those that are whole and have not been taken. */
  readonly #whole: number[] = [];
  /** Bytes that have come since the last message was whole. */
  #partial = 0;
  #begunMs: number | undefined;

  /** `mostBytes`: the longest message. */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Since when a message has been under way; undefined between two. */
  get begunMs(): number | undefined {
    return this.#begunMs;
  }

  /** False once a message is announced that is longer than may be. */
  read(bytes: Buffer, nowMs: number): boolean {
    for (let at = 0; at < bytes.length; ) {
      this.#begunMs ??= nowMs;
      if (this.#prefixBytes < PREFIX_BYTES) {
        // The first byte says whether the message is compressed.
        if (this.#prefixBytes++ > 0) this.#length = this.#length * 256 + (bytes[at] as number);
        this.#partial++;
        at++;
        if (this.#prefixBytes < PREFIX_BYTES) continue;
        if (this.#length > this.#mostBytes) return false;
        this.#left = this.#length;
      }
      const more = Math.min(this.#left, bytes.length - at);
      this.#left -= more;
      this.#partial += more;
      at += more;
      if (this.#left === 0) this.#finish();
    }
    return true;
  }

  /** The oldest message has been taken; returns how many bytes it had. */
  take(): number {
    return this.#whole.shift() ?? 0;
  }

  #finish(): void {
    this.#whole.push(this.#partial);
    this.#partial = this.#prefixBytes = this.#length = 0;
    this.#begunMs = undefined;
  }
}
