// Opens the source of names: arguments, a file, or standard input.
import { createReadStream, fstatSync, open } from "node:fs";
import { Socket } from "node:net";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { decodedText } from "./decoded-text.js";
import { type NameLine, UnreadableNames } from "./name-line.js";
import { type NameFormat, nameLines } from "./name-lines.js";

export interface Sources {
  readonly lines: AsyncIterable<NameLine>;
  /** Name of the source, for messages. */
  readonly source: string;
  /** False for standard input, which may still be arriving. */
  readonly isAtHand: boolean;
  /** Ends the lines, even for a reader that waits for a quiet producer. */
  close(): void;
}

/**
 * A source that can be closed while it is read. A generator alone cannot: it does not end while it
 * waits.
 */
interface Source {
  readonly name: string;
  readonly stream: Readable;
  isClosed: boolean;
}

const STDIN = "-";

/** How names are given. */
export interface GivenNames {
  readonly args: readonly string[];
  readonly file: string | undefined;
  readonly column: string | undefined;
  readonly stdin: () => Readable;
  /** Gets one line that says what the file is taken for, before its first name. */
  readonly told: (line: string) => void;
}

/** Opens the source. Throws UnreadableNames, here or while reading. */
export async function openSources({ args, file, column, stdin, told }: GivenNames): Promise<Sources> {
  if (file === undefined)
    return { lines: ofArguments(args), source: "the command line", isAtHand: true, close: () => {} };
  const isStdin = file === STDIN;
  const stream = isStdin ? stdin() : await opened(file);
  const format = isStdin ? undefined : formatBy(file);
  const source: Source = { name: isStdin ? "standard input" : file, stream, isClosed: false };
  const close = () => {
    source.isClosed = true;
    stream.destroy();
  };
  return { lines: joined(args, linesOf(source, format, column, told)), source: source.name, isAtHand: !isStdin, close };
}

async function opened(file: string): Promise<Readable> {
  try {
    const fd = await promisify(open)(file, "r");
    const kind = fstatSync(fd);
    if (kind.isDirectory()) throw new Error("it is a directory");
    // A file's stream cannot be closed while it waits for a producer; a socket's can.
    return kind.isFIFO() ? new Socket({ fd, writable: false }) : createReadStream(file, { fd });
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new UnreadableNames(`${file} ${isAbsent ? "does not exist" : `cannot be read: ${(error as Error).message}`}`);
  }
}

function formatBy(file: string): NameFormat | undefined {
  if (/\.(csv|tsv)$/i.test(file)) return "csv";
  return /\.(jsonl|ndjson)$/i.test(file) ? "json-lines" : undefined;
}

async function* joined(args: readonly string[], lines: AsyncIterable<NameLine>): AsyncGenerator<NameLine> {
  yield* ofArguments(args);
  yield* lines;
}

async function* ofArguments(args: readonly string[]): AsyncGenerator<NameLine> {
  for (const name of args) yield { line: 0, name };
}

/** Adds the name of the source to its errors, and to what it is taken for. */
async function* linesOf(
  source: Source,
  format: NameFormat | undefined,
  column: string | undefined,
  told: (line: string) => void,
): AsyncGenerator<NameLine> {
  const { name, stream } = source;
  let encoding = "";
  const text = decodedText(stream as AsyncIterable<Uint8Array>, (found) => {
    encoding = found;
  });
  const takenFor = (taken: string) => told(`${name} read as ${taken}${encoding === "utf-8" ? "" : ` (${encoding})`}`);
  try {
    yield* nameLines(text, format, column, takenFor);
  } catch (error) {
    if (source.isClosed) return;
    if (error instanceof UnreadableNames) throw new UnreadableNames(`${name} ${error.message}`);
    throw new UnreadableNames(`${name} cannot be read: ${(error as Error).message}`);
  } finally {
    stream.destroy();
  }
}
