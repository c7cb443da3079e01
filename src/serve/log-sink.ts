// Where the lines of the log go. They are written at once, for the last ones before an end are the ones that matter, but
// nobody waits for whoever reads them: while a pipe or a disk is full, lines gather up to a bound, and what does not
// fit is lost and counted. A log that cannot be written ends nothing and holds up nothing.
import { writeSync } from "node:fs";
import { type Batch, LineQueue } from "../audit/line-queue.js";
import type { Clock } from "../clock.js";

/** Some thousands of lines. */
const MOST_WAITING_BYTES = 1 << 20;

/** What could not be written is tried again after so long. */
const AGAIN_MS = 100;

/** Writes from `written` on, and returns how many bytes; throws what the system says. */
type Put = (bytes: Buffer, written: number) => number;

export class LogSink {
  readonly #put: Put;
  readonly #clock: Clock;
  readonly #queue = new LineQueue(MOST_WAITING_BYTES);
  #batch: Batch | undefined;
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

  #drain(): void {
    try {
      for (this.#batch ??= this.#queue.take(); this.#batch; this.#batch = this.#queue.take()) {
        const { bytes } = this.#batch;
        while (this.#batch.written < bytes.length) this.#batch.written += this.#put(bytes, this.#batch.written);
      }
    } catch (error) {
      // Nobody reads any more, and nobody ever will.
      if ((error as NodeJS.ErrnoException).code === "EPIPE") this.#isGone = true;
      else this.#waitForRoom();
    }
  }

  #waitForRoom(): void {
    this.#isWaiting = true;
    this.#clock.at(this.#clock.now() + AGAIN_MS, () => {
      this.#isWaiting = false;
      this.#drain();
    });
  }
}

/** Standard error. Naming `process.stderr` has made it say EAGAIN where it would wait for a pipe to be read. */
export function stderrSink(clock: Clock): LogSink {
  const { fd } = process.stderr;
  return new LogSink((bytes, written) => writeSync(fd, bytes, written), clock);
}
