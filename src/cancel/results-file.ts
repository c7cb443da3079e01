// The file that tells what became of each device, a line each, written as the answers come. A device that was
// tried again has several lines: the last one counts. A line that was torn by a crash is cut off before more is
// written.
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { CSV_HEADER, lineOf, type ResultFormat, type ResultRow } from "./result-row.js";

/** Lines are written in pieces of so much, or when somebody asks for it. */
const PIECE_CHARS = 65_536;

const NEWLINE = 0x0a;

export class ResultsFile {
  readonly #fd: number;
  readonly #format: ResultFormat;
  #unwritten = "";

  private constructor(fd: number, format: ResultFormat) {
    this.#fd = fd;
    this.#format = format;
  }

  /** Throws if there is one already. */
  static create(file: string, format: ResultFormat): ResultsFile {
    const created = new ResultsFile(openSync(file, "wx"), format);
    if (format === "csv") created.#unwritten = CSV_HEADER;
    return created;
  }

  /** Goes on with one that is there. */
  static continued(file: string, format: ResultFormat): ResultsFile {
    const fd = openSync(file, "r+");
    const wholeBytes = endOfLastLine(fd);
    ftruncateSync(fd, wholeBytes);
    closeSync(fd);
    const opened = new ResultsFile(openSync(file, "a"), format);
    if (wholeBytes === 0 && format === "csv") opened.#unwritten = CSV_HEADER;
    return opened;
  }

  static toStdout(): ResultsFile {
    return new ResultsFile(1, "jsonl");
  }

  add(row: ResultRow): void {
    this.#unwritten += lineOf(row, this.#format);
    if (this.#unwritten.length >= PIECE_CHARS) this.flush();
  }

  flush(): void {
    const bytes = Buffer.from(this.#unwritten);
    this.#unwritten = "";
    for (let written = 0; written < bytes.length; ) written += writeSome(this.#fd, bytes.subarray(written));
  }

  close(): void {
    this.flush();
    if (this.#fd > 2) closeSync(this.#fd);
  }
}

/** A pipe whose reader is slow says EAGAIN: it is asked again. */
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
