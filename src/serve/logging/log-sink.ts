// Writes the lines of the log. Lines are written at once, because the last ones before a crash
// matter most, but nothing waits for a slow reader: while a pipe or a disk is full, lines queue up
// to a bound, and lines beyond it are dropped and counted. A log that cannot be written neither
// ends nor delays anything.
import { writeSync } from "node:fs";
import { type Clock, systemClock } from "../../base/clock.js";
import { type LineBatch, LineQueue } from "../../base/line-queue.js";

/** Some thousands of lines. */
const MOST_WAITING_BYTES = 1 << 20;

/** First delay before a failed write is repeated. It doubles while nothing can be written. */
const FIRST_AGAIN_MS = 1;
const LAST_AGAIN_MS = 100;

/** At the end of the process, a full pipe gets this long to be read. */
const LAST_LINES_MS = 200;

/** Writes from `written` on, and returns the number of bytes. Throws the system's error. */
type Put = (bytes: Buffer, written: number) => number;

export class LogSink {
  readonly #put: Put;
  readonly #clock: Clock;
  readonly #queue = new LineQueue(MOST_WAITING_BYTES);
  #batch: LineBatch | undefined;
  #againMs = FIRST_AGAIN_MS;
  #isWaiting = false;
  #isGone = false;

  constructor(put: Put, clock: Clock) {
    this.#put = put;
    this.#clock = clock;
  }

  /** Writes a line, which includes its end. Never throws. */
  write(line: string): void {
    if (this.#isGone) return;
    this.#queue.add(line, this.#clock.wallNow());
    if (!this.#isWaiting) this.#drain();
  }

  /**
   * Writes the queued lines of a full pipe, as far as it is read in time. `pause` blocks for that
   * many ms.
   */
  end(pause: (ms: number) => void): void {
    for (let leftMs = LAST_LINES_MS; leftMs > 0 && this.#drain() === "EAGAIN"; leftMs -= FIRST_AGAIN_MS) {
      pause(FIRST_AGAIN_MS);
    }
  }

  /** Returns the system's error code if it does not accept everything. */
  #drain(): string | undefined {
    if (this.#isGone) return undefined;
    try {
      for (this.#batch ??= this.#queue.take(); this.#batch; this.#batch = this.#queue.take()) {
        const { bytes } = this.#batch;
        while (this.#batch.written < bytes.length) {
          this.#batch.written += this.#put(bytes, this.#batch.written);
          this.#againMs = FIRST_AGAIN_MS;
        }
      }
      return undefined;
    } catch (error) {
      const { code = "" } = error as NodeJS.ErrnoException;
      // The reader is gone for good.
      if (code === "EPIPE") this.#isGone = true;
      else this.#waitForRoom();
      return code;
    }
  }

  #waitForRoom(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#clock.at(this.#clock.now() + this.#againMs, () => {
      this.#isWaiting = false;
      this.#drain();
    });
    this.#againMs = Math.min(2 * this.#againMs, LAST_AGAIN_MS);
  }
}

let ofStderr: LogSink | undefined;

/**
 * The only sink of standard error. Once `process.stderr` has been used, as here, a full pipe
 * reports EAGAIN where a write would otherwise wait for the reader.
 */
export function stderrSink(): LogSink {
  ofStderr ??= openStderr();
  return ofStderr;
}

function openStderr(): LogSink {
  const { fd } = process.stderr;
  const sink = new LogSink((bytes, written) => writeSync(fd, bytes, written), systemClock);
  const never = new Int32Array(new SharedArrayBuffer(4));
  process.on("exit", () => sink.end((ms) => void Atomics.wait(never, 0, 0, ms)));
  return sink;
}
