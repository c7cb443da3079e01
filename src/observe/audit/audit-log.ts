// The audit log: takes lines at once and writes them in the background, in order. Whatever happens to the
// file, nobody waits for it: lines gather up to a bound, what does not fit is lost, and the operator and the
// audit log itself are told of it.
import { type Clock, sleepUntil } from "../../base/clock.js";
import { BATCH_BYTES, type LineBatch, LineQueue } from "../../base/line-queue.js";
import type { Log } from "../../base/log.js";
import { AuditFile, type Destination } from "./audit-file.js";
import { auditStdout } from "./audit-stdout.js";

export interface AuditLogOptions {
  readonly clock: Clock;
  readonly log: Log;
}

/** Some 25,000 lines. */
const MOST_WAITING_BYTES = 16 << 20;

/** Lines that come within so long are written together: each write costs as much as ten lines. */
const GATHER_MS = 50;

/** A file that cannot be written is tried again after so long, */
const AGAIN_MS = 1000;
/** and a pipe that is full. */
const FULL_PIPE_MS = 50;

/** A trouble that lasts is reported again after so long. */
const REPORT_MS = 60_000;

/** Left to a log that closes. */
const LAST_LINES_MS = 2000;

/** Lines are not written as they should be. */
interface Trouble {
  readonly sinceMs: number;
  error: unknown;
  lost: number;
  reported: boolean;
}

const NOTHING: LineBatch = { bytes: Buffer.alloc(0), written: 0 };

/** `path` is a file, or `-` for standard output. Never fails: what cannot be written now may be later. */
export function openAuditLog(path: string, options: AuditLogOptions): AuditLog {
  const { log } = options;
  const isOpenToAll = () => log.warn({ path }, "everybody on this machine may read or write the audit log; chmod 640");
  return new AuditLog(path === "-" ? auditStdout() : new AuditFile(path, isOpenToAll), options);
}

export class AuditLog {
  readonly #destination: Destination;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #queue = new LineQueue(MOST_WAITING_BYTES);
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #batch: LineBatch | undefined;
  /** Opens the file without a line: what is wrong with it shows at the start, and a rotated one is there at once. */
  #opening: LineBatch | undefined = NOTHING;
  #wake: () => void = () => {};
  #isOver = false;
  #trouble: Trouble | undefined;
  #reportedMs = -Infinity;
  #lostInAll = 0;

  constructor(destination: Destination, { clock, log }: AuditLogOptions) {
    this.#destination = destination;
    this.#clock = clock;
    this.#log = log;
    this.#running = this.#run();
  }

  /** `line` with its end. */
  append(line: string): void {
    const isClosed = this.#closing.signal.aborted;
    if (isClosed || !this.#queue.add(line, this.#clock.wallNow())) this.#lost();
    this.#wake();
  }

  /** How many lines have been lost since it was opened, and how much waits to be written. */
  state(): { readonly lost: number; readonly waitingBytes: number } {
    return { lost: this.#lostInAll, waitingBytes: this.#queue.bytes };
  }

  /** Takes up the file that the path names now, as after a rotation. */
  reopen(): void {
    this.#destination.reopen();
    this.#opening = NOTHING;
    this.#wake();
  }

  /** Writes what waits, as far as that goes within two seconds. To be called when nothing is appended any more. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#wake();
    const patience = new AbortController();
    const untilMs = this.#clock.now() + LAST_LINES_MS;
    await Promise.race([
      this.#running.then(() => this.#destination.close()),
      sleepUntil(this.#clock, untilMs, patience.signal).catch(() => {}),
    ]);
    patience.abort();
    this.#isOver = true;
    const lines = this.#queue.lines + linesLeft(this.#batch);
    if (lines > 0) this.#log.error({ lines }, "the audit log ends with lines that could not be written");
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    for (;;) {
      this.#batch ??= this.#queue.take() ?? this.#opening;
      this.#opening = undefined;
      if (!this.#batch) {
        if (signal.aborted) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      try {
        await this.#destination.write(this.#batch);
        this.#batch = undefined;
        this.#written();
        if (!signal.aborted && this.#queue.bytes < BATCH_BYTES) await this.#pause(GATHER_MS);
      } catch (error) {
        if (!(await this.#again(error))) return;
      }
    }
  }

  /** After a write that failed: whether and when to try again. */
  async #again(error: unknown): Promise<boolean> {
    const { signal } = this.#closing;
    const isFullPipe = (error as NodeJS.ErrnoException).code === "EAGAIN";
    if (!isFullPipe) this.#failed(error);
    if (this.#isOver || (signal.aborted && !isFullPipe)) return false;
    await this.#pause(isFullPipe ? FULL_PIPE_MS : AGAIN_MS);
    return true;
  }

  /** Closing cuts it short; while closing, only a full pipe is worth waiting for. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    await sleepUntil(this.#clock, this.#clock.now() + ms, signal.aborted ? undefined : signal).catch(() => {});
  }

  #failed(error: unknown): void {
    this.#trouble ??= { sinceMs: this.#clock.now(), error, lost: 0, reported: false };
    this.#trouble.error = error;
    this.#report(this.#trouble);
  }

  #lost(): void {
    const error = new Error("lines come faster than they are written");
    this.#trouble ??= { sinceMs: this.#clock.now(), error, lost: 0, reported: false };
    this.#trouble.lost++;
    this.#lostInAll++;
    this.#report(this.#trouble);
  }

  #report(trouble: Trouble): void {
    const nowMs = this.#clock.now();
    if (nowMs - this.#reportedMs < REPORT_MS) return;
    this.#reportedMs = nowMs;
    trouble.reported = true;
    const fields = {
      setting: "OTA_AUDIT_LOG",
      err: trouble.error,
      lost: trouble.lost,
      waitingBytes: this.#queue.bytes,
    };
    this.#log.error(fields, "the audit log cannot be written; requests are served all the same");
  }

  #written(): void {
    // While it only just makes room for the next lines to be lost, nothing is well.
    if (!this.#trouble || this.#queue.bytes > MOST_WAITING_BYTES / 2) return;
    const { sinceMs, lost, reported } = this.#trouble;
    this.#trouble = undefined;
    const troubleMs = Math.round(this.#clock.now() - sinceMs);
    if (reported || lost > 0) this.#log.info({ lost, troubleMs }, "the audit log is written again");
  }
}

function linesLeft({ bytes, written }: LineBatch = NOTHING): number {
  return bytes.toString("latin1", written).split("\n").length - 1;
}
