// Follows the messages of one stream on the wire: how long each is, and since when one has been
// arriving. It reads the five bytes before each message, and keeps nothing of what it reads.
import type { Clock } from "../../base/clock.js";

const PREFIX_BYTES = 5;

export class MessageMeter {
  readonly #mostBytes: number;
  /** Bytes read of the current prefix. */
  #prefixBytes = 0;
  #length = 0;
  #left = 0;
  /** Lengths of complete messages that have not been taken: the oldest, and the others if any. */
  #oldest = 0;
  #others: number[] | undefined; // most streams bring one message, and there are thousands a second
  /** Bytes that have arrived since the last complete message. */
  #partial = 0;
  #begunMs: number | undefined;

  /** `mostBytes`: the longest message. */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Since when a message has been arriving; undefined between two. */
  get begunMs(): number | undefined {
    return this.#begunMs;
  }

  /** False once a message announces itself as too long. */
  read(bytes: Buffer, clock: Pick<Clock, "now">): boolean {
    for (let at = 0; at < bytes.length; ) {
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
    if (this.#partial > 0) this.#begunMs ??= clock.now(); // most messages arrive whole
    return true;
  }

  /** The gateway itself does not read on: the time of a message that is arriving starts again. */
  notRead(nowMs: number): void {
    if (this.#begunMs !== undefined) this.#begunMs = nowMs;
  }

  /** Takes the oldest complete message; returns its bytes. */
  take(): number {
    const bytes = this.#oldest;
    this.#oldest = this.#others?.shift() ?? 0;
    return bytes;
  }

  #finish(): void {
    if (this.#oldest === 0) this.#oldest = this.#partial;
    else if (this.#others) this.#others.push(this.#partial);
    else this.#others = [this.#partial];
    this.#partial = this.#prefixBytes = this.#length = 0;
    this.#begunMs = undefined;
  }
}
