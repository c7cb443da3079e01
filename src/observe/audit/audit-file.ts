// The file behind the audit log. It is only ever appended to. Somebody else may rename, remove or empty it
// at any time: before each write it is made sure that the path still names the file that is open.
import { constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import type { LineBatch } from "../../base/line-queue.js";

/** Where the lines go. */
export interface Destination {
  /** Writes what is left of the batch; after a rejection, to be called again with the same one. */
  write(batch: LineBatch): Promise<void>;
  /** The next write opens it anew. */
  reopen(): void;
  close(): Promise<void>;
}

/** `O_NONBLOCK`: a named pipe that nobody reads must not hold a thread. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY;

/** The group may read it: those who ship logs. */
const MODE = 0o640;
const OTHERS = 0o006n;
const FILE_TYPE = BigInt(constants.S_IFMT);
const REGULAR = BigInt(constants.S_IFREG);

/** After these the same file can be written on. */
const PASSING: ReadonlySet<string | undefined> = new Set(["ENOSPC", "EDQUOT", "EAGAIN"]);

interface OpenFile {
  readonly handle: FileHandle;
  readonly ino: bigint;
  readonly dev: bigint;
}

const NEWLINE = 0x0a;

export class AuditFile implements Destination {
  readonly #path: string;
  readonly #isOpenToAll: (path: string) => void;
  #open: OpenFile | undefined;
  #isStale = false;

  /** `isOpenToAll` is told when the file was there already, and everybody on the machine may read or write it. */
  constructor(path: string, isOpenToAll: (path: string) => void = () => {}) {
    this.#path = path;
    this.#isOpenToAll = isOpenToAll;
  }

  async write(batch: LineBatch): Promise<void> {
    if (this.#isStale || !(await this.#isCurrent())) await this.close();
    this.#isStale = false;
    this.#open ??= await this.#openFor(batch);
    const { handle } = this.#open;
    try {
      while (batch.written < batch.bytes.length) batch.written += await append(handle, batch.bytes, batch.written);
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
    await open?.handle.close().catch(() => {}); // it was not usable any more
  }

  /** Whether the path still names the file that is open. */
  async #isCurrent(): Promise<boolean> {
    const named = await stat(this.#path, { bigint: true }).catch(() => undefined);
    return named?.ino === this.#open?.ino && named?.dev === this.#open?.dev;
  }

  /** A line that was begun in another file begins again, and one that this file breaks off in is ended. */
  async #openFor(batch: LineBatch): Promise<OpenFile> {
    const handle = await open(this.#path, FLAGS, MODE);
    try {
      batch.written = batch.bytes.subarray(0, batch.written).lastIndexOf(NEWLINE) + 1;
      if (await endsWithinLine(this.#path)) await append(handle, Buffer.of(NEWLINE), 0);
      const { ino, dev, mode } = await handle.stat({ bigint: true });
      if ((mode & FILE_TYPE) === REGULAR && (mode & OTHERS) !== 0n) this.#isOpenToAll(this.#path);
      return { handle, ino, dev };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }
}

/** How much of the rest was written. */
async function append(handle: FileHandle, bytes: Buffer, from: number): Promise<number> {
  const { bytesWritten } = await handle.write(bytes, from);
  if (bytesWritten === 0) throw new Error("the file takes no more");
  return bytesWritten;
}

/** What a process leaves behind that was ended while it wrote. */
async function endsWithinLine(path: string): Promise<boolean> {
  const stats = await stat(path);
  if (!stats.isFile() || stats.size === 0) return false;
  const handle = await open(path).catch(() => undefined); // it may be ours to write, and not to read
  if (!handle) return false;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, stats.size - 1);
    return bytesRead === 1 && buffer[0] !== NEWLINE;
  } finally {
    await handle.close();
  }
}
