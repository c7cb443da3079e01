// Writes the results file, a line for each device, as the answers come. A device that was tried
// again has several lines; the last one counts. A line cut off by a crash or a full disk is removed
// before more is written. Once the file is open, nothing throws: errors are kept, and reported at
// the end.
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { CSV_HEADER, type ResultFormat, type ResultRow, resultLine } from "./result-row.js";

/** Lines are written in pieces of this size, and at each flush. */
const PIECE_CHARS = 65_536;

const NEWLINE = 0x0a;

/** Readable by its owner only, because it names devices. */
const MODE = 0o600;

/** Called at most once, with the error to report. */
export type WriteFailed = (error: Error) => void;

/** The results that a file lacks. */
export interface Unwritten {
  /** Lines known to be missing; 0 if only the system knows. */
  readonly rows: number;
  readonly error: Error;
}

export class ResultsFile {
  readonly #fd: number;
  readonly #name: string;
  readonly #format: ResultFormat;
  readonly #failed: WriteFailed;
  #text = "";
  /** The bytes that could not be written. They may begin within a line. */
  #left: Uint8Array = new Uint8Array();
  #failure: Error | undefined;

  private constructor(fd: number, name: string, format: ResultFormat, failed: WriteFailed) {
    this.#fd = fd;
    this.#name = name;
    this.#format = format;
    this.#failed = failed;
  }

  /** Creates a file. Throws if it exists, or cannot be written to. */
  static create(file: string, format: ResultFormat, failed: WriteFailed): ResultsFile {
    const fd = openSync(file, "wx", MODE);
    if (format === "csv") writeHeader(fd);
    return new ResultsFile(fd, file, format, failed);
  }

  /** Continues an existing file. Throws if it cannot be written to. */
  static continued(file: string, format: ResultFormat, failed: WriteFailed): ResultsFile {
    const fd = openSync(file, "r+");
    const wholeBytes = endOfLastLine(fd);
    ftruncateSync(fd, wholeBytes);
    closeSync(fd);
    const appendedTo = openSync(file, "a");
    if (wholeBytes === 0 && format === "csv") writeHeader(appendedTo);
    return new ResultsFile(appendedTo, file, format, failed);
  }

  /** Writes JSON lines to a file that is open already. */
  static onto(fd: number, name: string, failed: WriteFailed): ResultsFile {
    return new ResultsFile(fd, name, "jsonl", failed);
  }

  add(row: ResultRow): void {
    this.#text += resultLine(row, this.#format);
    if (this.#text.length >= PIECE_CHARS) this.flush();
  }

  flush(): void {
    if (!this.#failure) this.#write();
  }

  /**
   * Closes the file, and returns what is missing. Tries once more after a failure, because there
   * may be room again.
   */
  close(): Unwritten | undefined {
    this.#write();
    const isClosed = this.#tried(() => this.#fd > 2 && closeSync(this.#fd));
    const rows = this.#left.filter((byte) => byte === NEWLINE).length;
    return this.#failure && !(isClosed && this.#left.length === 0) ? { rows, error: this.#failure } : undefined;
  }

  #write(): void {
    this.#left = Buffer.concat([this.#left, Buffer.from(this.#text)]);
    this.#text = "";
    this.#tried(() => {
      while (this.#left.length > 0) this.#left = this.#left.subarray(writeSome(this.#fd, this.#left));
    });
  }

  #tried(act: () => unknown): boolean {
    try {
      act();
      return true;
    } catch (error) {
      if (this.#failure) return false;
      this.#failure = new Error(`${this.#name} cannot be written: ${(error as Error).message}`, { cause: error });
      this.#failed(this.#failure);
      return false;
    }
  }
}

/** Writes the whole header or throws, because a file with half a header could not be continued. */
function writeHeader(fd: number): void {
  let left: Uint8Array = Buffer.from(CSV_HEADER);
  while (left.length > 0) left = left.subarray(writeSync(fd, left));
}

/** Retries on EAGAIN, which a pipe with a slow reader returns. */
function writeSome(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    return 0;
  }
}

function endOfLastLine(fd: number): number {
  const piece = Buffer.alloc(PIECE_CHARS);
  for (let end = fstatSync(fd).size; end > 0; ) {
    const start = Math.max(0, end - piece.length);
    const read = readSync(fd, piece, 0, end - start, start);
    const newline = piece.subarray(0, read).lastIndexOf(NEWLINE);
    if (newline >= 0) return start + newline + 1;
    end = start;
  }
  return 0;
}
