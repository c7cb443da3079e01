// The audit log. It accepts lines immediately and writes them in the background, in order. Requests
// never wait for the file: unwritten lines are buffered up to a limit, lines beyond it are lost,
// and the loss is reported in the log and in the audit log itself.
import { type Clock, sleepUntil } from "../../base/clock.js";
import { BATCH_BYTES, type LineBatch, LineQueue } from "../../base/line-queue.js";
import type { Log } from "../../base/log.js";
import { AuditFile, type Destination } from "./audit-file.js";
import { auditStdout } from "./audit-stdout.js";

export interface AuditLogOptions {
  readonly clock: Clock;
  readonly log: Log;
}

/** About 25,000 lines. */
const MOST_WAITING_BYTES = 16 << 20;

/** Lines arriving within this time are written together: one write costs as much as ten lines. */
const GATHER_MS = 50;

/** The wait before a failed write is retried. */
const AGAIN_MS = 1000;
/** The wait for room in a full pipe. */
const FULL_PIPE_MS = 50;

/** How often a lasting problem is reported again. */
const REPORT_MS = 60_000;

/** Time for the remaining lines when the log closes. */
const LAST_LINES_MS = 2000;

/** A period in which lines are not being written. */
interface Trouble {
  readonly sinceMs: number;
  error: unknown;
  lost: number;
  reported: boolean;
}

const NOTHING: LineBatch = { bytes: Buffer.alloc(0), written: 0 };

/**
 * Opens `path`, a file or `-` for standard output. Never fails: a destination that cannot be
 * written is retried.
 */
export function openAuditLog(path: string, options: AuditLogOptions): AuditLog {
  const { log } = options;
  const isOpenToAll = () =>
    log.warn({ path }, "every user of this machine may read or write the audit log; run chmod 640 on it");
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
  /** Since when lines wait and none has been written; undefined if none wait. */
  #waitingSinceMs: number | undefined;
  /**
   * A write of nothing, to open the file: a problem shows at startup, and a rotated file exists at
   * once.
   */
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

  /** Appends `line`, which includes its line break. */
  append(line: string): void {
    const isClosed = this.#closing.signal.aborted;
    if (isClosed || !this.#queue.add(line, this.#clock.wallNow())) this.#lost();
    else this.#waitingSinceMs ??= this.#clock.now();
    this.#wake();
  }

  /**
   * How many lines were lost since the log was opened, how many bytes wait to be written, and for
   * how long none has been.
   */
  state(): { readonly lost: number; readonly waitingBytes: number; readonly waitingMs: number } {
    const { bytes, written } = this.#batch ?? NOTHING;
    const nowMs = this.#clock.now();
    const waitingMs = nowMs - (this.#waitingSinceMs ?? nowMs);
    return { lost: this.#lostInAll, waitingBytes: this.#queue.bytes + bytes.length - written, waitingMs };
  }

  /** Opens the file that the path names now, after a rotation. */
  reopen(): void {
    this.#destination.reopen();
    this.#opening = NOTHING;
    this.#wake();
  }

  /** Writes the remaining lines, for at most two seconds. To be called after the last `append`. */
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
    if (lines > 0) this.#log.error({ lines }, "the audit log was closed with unwritten lines; they are lost");
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
        this.#waitingSinceMs = this.#queue.bytes > 0 ? this.#clock.now() : undefined;
        this.#written();
        if (!signal.aborted && this.#queue.bytes < BATCH_BYTES) await this.#pause(GATHER_MS);
      } catch (error) {
        if (!(await this.#again(error))) return;
      }
    }
  }

  /** Decides after a failed write whether to retry, and waits for the moment to do so. */
  async #again(error: unknown): Promise<boolean> {
    const { signal } = this.#closing;
    const isFullPipe = (error as NodeJS.ErrnoException).code === "EAGAIN";
    if (!isFullPipe) this.#failed(error);
    if (this.#isOver || (signal.aborted && !isFullPipe)) return false;
    await this.#pause(isFullPipe ? FULL_PIPE_MS : AGAIN_MS);
    return true;
  }

  /** Waits. Closing ends the wait, and while closing only a full pipe is waited for. */
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
    const error = new Error("lines arrive faster than they can be written");
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
    this.#log.error(fields, "the audit log cannot be written; requests are still served");
  }

  #written(): void {
    // The problem is not over while writes only make room for the next lines to be lost.
    if (!this.#trouble || this.#queue.bytes > MOST_WAITING_BYTES / 2) return;
    const { sinceMs, lost, reported } = this.#trouble;
    this.#trouble = undefined;
    const troubleMs = Math.round(this.#clock.now() - sinceMs);
    if (reported || lost > 0) this.#log.info({ lost, troubleMs }, "the audit log can be written again");
  }
}

function linesLeft({ bytes, written }: LineBatch = NOTHING): number {
  return bytes.toString("latin1", written).split("\n").length - 1;
}
