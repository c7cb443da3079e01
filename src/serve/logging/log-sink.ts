// Where the lines of the log go. They are written at once, for the last ones before an end are the ones that matter,
// but nobody waits for whoever reads them: while a pipe or a disk is full, lines gather up to a bound, and what does
// not fit is lost and counted. A log that cannot be written ends nothing and holds up nothing.
import { writeSync } from "node:fs";
import { type Clock, systemClock } from "../../base/clock.js";
import { type LineBatch, LineQueue } from "../../base/line-queue.js";

/** Some thousands of lines. */
const MOST_WAITING_BYTES = 1 << 20;

/** What could not be written is tried again after so long at first, and twice as long each time nothing moves. */
const FIRST_AGAIN_MS = 1;
const LAST_AGAIN_MS = 100;

/** At the end of the process a pipe that is full has so long to be read. */
const LAST_LINES_MS = 200;

/** Writes from `written` on, and returns how many bytes; throws what the system says. */
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

  /** `line` with its end. Never throws. */
  write(line: string): void {
    if (this.#isGone) return;
    this.#queue.add(line, this.#clock.wallNow());
    if (!this.#isWaiting) this.#drain();
  }

  /** Writes what waits for a pipe to be read, as far as that goes; `pause` stands still for so many ms. */
  end(pause: (ms: number) => void): void {
    for (let leftMs = LAST_LINES_MS; leftMs > 0 && this.#drain() === "EAGAIN"; leftMs -= FIRST_AGAIN_MS) {
      pause(FIRST_AGAIN_MS);
    }
  }

  /** What the system says if it will not take all of it. */
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
      // Nobody reads any more, and nobody ever will.
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
 * Standard error's: there is one. Naming `process.stderr` has made it say EAGAIN where it would wait for a pipe to be
 * read.
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
