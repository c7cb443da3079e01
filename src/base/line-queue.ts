// Queues lines to be written, bounded in bytes. Lines that do not fit are dropped, and a line in
// their place counts them, so that a reader of the log can see the gap.

/** Whole lines, ready to be written in one go. */
export interface LineBatch {
  readonly bytes: Buffer;
  /** How many of the bytes are in the file already. */
  written: number;
}

interface Waiting {
  readonly text: string;
  readonly bytes: number;
}

/** A run of dropped lines. */
interface Gap {
  lost: number;
  readonly fromWallMs: number;
  toWallMs: number;
}

/** Size of a batch, which is one write. Exceeded only by a single longer line. */
export const BATCH_BYTES = 1 << 20;

export class LineQueue {
  readonly #mostBytes: number;
  #waiting: (Waiting | Gap)[] = [];
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Bytes of the queued lines. */
  get bytes(): number {
    return this.#bytes;
  }

  get lines(): number {
    return this.#waiting.filter((each) => "text" in each).length;
  }

  /** Adds a line. Returns false if it was dropped. */
  add(text: string, wallMs: number): boolean {
    const bytes = Buffer.byteLength(text);
    if (this.#bytes + bytes <= this.#mostBytes) {
      this.#waiting.push({ text, bytes });
      this.#bytes += bytes;
      return true;
    }
    const last = this.#waiting.at(-1);
    if (last && "lost" in last) {
      last.lost++;
      last.toWallMs = wallMs;
    } else {
      this.#waiting.push({ lost: 1, fromWallMs: wallMs, toWallMs: wallMs });
    }
    return false;
  }

  /** Takes the oldest lines; undefined if there are none. */
  take(): LineBatch | undefined {
    let bytes = 0;
    let taken = 0;
    for (const each of this.#waiting) {
      const more = "text" in each ? each.bytes : 0;
      if (taken > 0 && bytes + more > BATCH_BYTES) break;
      bytes += more;
      taken++;
    }
    if (taken === 0) return undefined;
    this.#bytes -= bytes;
    const batch = this.#waiting.slice(0, taken);
    this.#waiting = this.#waiting.slice(taken);
    const text = batch.map((each) => ("text" in each ? each.text : gapLine(each))).join("");
    return { bytes: Buffer.from(text), written: 0 };
  }
}

function gapLine({ lost, fromWallMs, toWallMs }: Gap): string {
  const [from, to] = [fromWallMs, toWallMs].map((wallMs) => new Date(wallMs).toISOString());
  return `${JSON.stringify({ lost, from, to })}\n`;
}
