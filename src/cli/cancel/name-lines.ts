// Reads device names out of text, CSV or JSON lines that arrive in pieces, each with its line
// number. Judges no name. Memory is bounded by one line.
import { pipeline } from "node:stream";
import { type Options, parse } from "csv-parse";
import { boundedLines } from "../../base/bounded-lines.js";
import { visible } from "../../base/visible-text.js";

export type NameFormat = "text" | "csv" | "json-lines";

export interface NameLine {
  /** Counted from 1. */
  readonly line: number;
  /** The name as written; undefined if none could be read. */
  readonly name: string | undefined;
  /** Why no name could be read, to follow "line 7", like "is not JSON". */
  readonly problem?: string;
}

/** The result of one line. */
type Found = Omit<NameLine, "line">;

/** The text as a whole cannot be used. The message says what to do. */
export class UnreadableNames extends Error {
  override readonly name = "UnreadableNames";
}

/** The column or key that holds names, unless the user says otherwise. */
export const DEFAULT_COLUMN = "device_name";

const LONGEST_LINE_CHARS = 65_536;

const TOO_LONG = none("is longer than 65,536 characters");

export async function* nameLines(
  pieces: AsyncIterable<string>,
  format: NameFormat | undefined,
  column: string | undefined,
): AsyncGenerator<NameLine> {
  const { first, all } = await opened(pieces);
  const chosen = format ?? guessed(first, column);
  if (chosen === "csv") yield* ofCsv(all, column);
  else yield* ofLines(all, chosen === "json-lines" ? (line) => ofJson(line, column ?? DEFAULT_COLUMN) : ofText);
}

/** Guesses the format by characters that no device name can contain. */
function guessed(first: string, column: string | undefined): NameFormat {
  if (/^\s*\{/.test(first)) return "json-lines";
  if (column) return "csv";
  return /^\s*"[^",]*"\s*(\n|$)/.test(first) ? "json-lines" : "text";
}

async function opened(pieces: AsyncIterable<string>) {
  const iterator = pieces[Symbol.asyncIterator]();
  const { value, done } = await iterator.next();
  const first = done ? "" : value.replace(/^\ufeff/, "");
  const beginning = first.slice(0, 4096);
  if (["\0", "\ufffd"].some((wrong) => beginning.includes(wrong))) {
    throw new UnreadableNames("is not UTF-8 text; save it as UTF-8");
  }
  async function* all(): AsyncGenerator<string> {
    yield first;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  }
  return { first, all: all() };
}

async function* ofLines(pieces: AsyncIterable<string>, nameIn: (line: string) => Found): AsyncGenerator<NameLine> {
  for await (const { number, text } of boundedLines(pieces, LONGEST_LINE_CHARS)) {
    const line = text?.trim();
    if (line === "" || line?.startsWith("#")) continue;
    yield { line: number, ...(line === undefined ? TOO_LONG : nameIn(line)) };
  }
}

function ofText(name: string): Found {
  return { name };
}

function ofJson(line: string, key: string): Found {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return none("is not JSON");
  }
  if (typeof value === "string") return { name: value };
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return none("is neither a JSON object nor a JSON string");
  }
  if (!Object.hasOwn(value, key)) return none(`has no key "${key}"; name the key with --column KEY`);
  const name = (value as Record<string, unknown>)[key];
  return typeof name === "string" ? { name } : none(`has no string in "${key}"`);
}

function none(problem: string): Found {
  return { name: undefined, problem };
}

async function* ofCsv(pieces: AsyncIterable<string>, column: string | undefined): AsyncGenerator<NameLine> {
  const options: Options = {
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
    record_delimiter: ["\r\n", "\n", "\r"], // otherwise the first line decides, and lines that end differently count twice
    max_record_size: LONGEST_LINE_CHARS,
  };
  // Errors of the pipeline end the parser, and so the loop below.
  const parser = pipeline(pieces, parse(options), () => {});
  let index: number | undefined;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (index === undefined) {
        const found = columnOf(record, column);
        index = found.index;
        if (found.isHeader) continue;
      }
      const name = record[index];
      yield { line: info.lines, ...(name === undefined ? none("has no such column") : { name }) };
    }
  } catch (error) {
    if (error instanceof UnreadableNames || !isCsvError(error)) throw error;
    throw new UnreadableNames(`is not CSV: ${error.message}`);
  } finally {
    parser.destroy(); // does not wait for the next piece, which may take long
  }
}

function columnOf(header: readonly string[], column = DEFAULT_COLUMN): { index: number; isHeader: boolean } {
  const plain = (name: string) => name.toLowerCase().replace(/[\s_-]/g, "");
  const index = header.findIndex((name) => plain(name) === plain(column));
  if (index >= 0) return { index, isHeader: true };
  const position = /^\d+$/.test(column) ? Number(column) : 0;
  if (position >= 1 && position <= header.length) return { index: position - 1, isHeader: false };
  const columns = visible(header.slice(0, 12).join(", "));
  throw new UnreadableNames(
    `has no column "${visible(column)}"; choose one with --column (${columns}), or give its number`,
  );
}

function isCsvError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && String(error.code).startsWith("CSV_");
}
