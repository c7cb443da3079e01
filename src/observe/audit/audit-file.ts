// The file of the audit log, which is only ever appended to. Other programs may rename, remove or
// truncate it at any time (log rotation), so each write first checks that the path still names the
// open file.
import { constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import type { LineBatch } from "../../base/line-queue.js";

/** Where audit lines go. */
export interface Destination {
  /** Writes the rest of the batch. After a rejection, call it again with the same batch. */
  write(batch: LineBatch): Promise<void>;
  /** Makes the next write open the destination again. */
  reopen(): void;
  close(): Promise<void>;
}

/** `O_NONBLOCK`: a named pipe without a reader must not block a thread. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Readable by the group, for log shippers. */
const MODE = 0o640;
const OTHERS = 0o006n;
const FILE_TYPE = BigInt(constants.S_IFMT);
const REGULAR = BigInt(constants.S_IFREG);

/** After these errors the same file remains usable. */
const PASSING: ReadonlySet<string | undefined> = new Set(["ENOSPC", "EDQUOT", "EAGAIN"]);

interface OpenFile {
  readonly handle: FileHandle;
  readonly ino: bigint;
  readonly dev: bigint;
  /** Its least size, unless somebody has truncated it. */
  size: bigint;
}

const NEWLINE = 0x0a;

export class AuditFile implements Destination {
  readonly #path: string;
  readonly #isOpenToAll: (path: string) => void;
  #open: OpenFile | undefined;
  #isStale = false;

  /**
   * `isOpenToAll` is called if the file existed before and every user of the machine may read or
   * write it.
   */
  constructor(path: string, isOpenToAll: (path: string) => void = () => {}) {
    this.#path = path;
    this.#isOpenToAll = isOpenToAll;
  }

  async write(batch: LineBatch): Promise<void> {
    if (this.#isStale || !(await this.#isCurrent())) await this.close();
    this.#isStale = false;
    this.#open ??= await this.#openFor(batch);
    const file = this.#open;
    try {
      while (batch.written < batch.bytes.length) {
        const bytes = await append(file.handle, batch.bytes, batch.written);
        batch.written += bytes;
        file.size += BigInt(bytes);
      }
    } catch (error) {
      if (!PASSING.has((error as NodeJS.ErrnoException).code)) this.#isStale = true;
      throw error;
    }
  }

  reopen(): void {
    this.#isStale = true;
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.handle.close().catch(() => {}); // it was already unusable
  }

  /** Whether the path still names the open file, with all that was in it. */
  async #isCurrent(): Promise<boolean> {
    const open = this.#open;
    const named = await stat(this.#path, { bigint: true }).catch(() => undefined);
    if (named?.ino !== open?.ino || named?.dev !== open?.dev) return false;
    return !open || !named?.isFile() || named.size >= open.size;
  }

  /**
   * Opens the file for the batch: a line begun in another file, or in what was truncated, starts
   * over, and an unfinished last line of this file is ended.
   */
  async #openFor(batch: LineBatch): Promise<OpenFile> {
    const handle = await open(this.#path, FLAGS, MODE);
    try {
      batch.written = batch.bytes.subarray(0, batch.written).lastIndexOf(NEWLINE) + 1;
      if (await endsWithinLine(this.#path)) await append(handle, Buffer.of(NEWLINE), 0);
      const { ino, dev, mode, size } = await handle.stat({ bigint: true });
      if ((mode & FILE_TYPE) === REGULAR && (mode & OTHERS) !== 0n) this.#isOpenToAll(this.#path);
      return { handle, ino, dev, size };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }
}

/** Appends the bytes from `from` on, and returns how many were written. */
async function append(handle: FileHandle, bytes: Buffer, from: number): Promise<number> {
  const { bytesWritten } = await handle.write(bytes, from);
  if (bytesWritten === 0) throw new Error("no bytes could be written to the file");
  return bytesWritten;
}

/** Whether the file ends within a line, as a process that was killed while writing leaves it. */
async function endsWithinLine(path: string): Promise<boolean> {
  const stats = await stat(path);
  if (!stats.isFile() || stats.size === 0) return false;
  const handle = await open(path).catch(() => undefined); // we may have the right to write but not to read
  if (!handle) return false;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, stats.size - 1);
    return bytesRead === 1 && buffer[0] !== NEWLINE;
  } finally {
    await handle.close();
  }
}
