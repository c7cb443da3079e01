// Reads what earlier runs achieved out of their results file, in which the last line of a name
// counts. An incomplete last line is ignored. A spreadsheet may have saved the file between two
// runs, with a byte order mark and other line ends.
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream";
import { parse } from "csv-parse";
import { boundedLines } from "../../base/bounded-lines.js";
import { visible } from "../../base/visible-text.js";
import { type CancelScope, isGood, type Outcome } from "../../client/client.js";
import { isResultsHeader, otherScope, type ResultFormat, type ResultRow, rowFrom } from "./result-row.js";

export class UnusableResults extends Error {
  override readonly name = "UnusableResults";
}

const LONGEST_LINE_CHARS = 65_536;

/**
 * Reads the names that ended well. Throws UnusableResults, also for the results of another scope.
 */
export async function endedWell(file: string, format: ResultFormat, scope: CancelScope): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const row of resultRows(file, format)) {
    const other = otherScope(row, scope);
    if (other) throw new UnusableResults(`${file} is for ${visible(other)}`);
    if (isGood(row.outcome as Outcome)) names.add(row.device_name);
    else names.delete(row.device_name);
  }
  return names;
}

/** Reads a results file. Throws UnusableResults if it cannot be read, or is no results file. */
export async function* resultRows(file: string, format: ResultFormat): AsyncGenerator<ResultRow> {
  try {
    const lines = wholeLines(createReadStream(file, "utf8"));
    for await (const { line, values } of format === "csv" ? csvRows(lines, file) : jsonRows(lines)) {
      const row = rowFrom(values, format);
      if (!row) throw new UnusableResults(`${file} is not a results file: line ${line} is not a result`);
      yield row;
    }
  } catch (error) {
    if (error instanceof UnusableResults) throw error;
    const isAbsent = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new UnusableResults(`${file} ${isAbsent ? "does not exist" : `cannot be read: ${(error as Error).message}`}`);
  }
}

interface Line {
  readonly line: number;
  readonly values: Readonly<Record<string, unknown>>;
}

async function* jsonRows(pieces: AsyncIterable<string>): AsyncGenerator<Line> {
  for await (const { number: line, text } of boundedLines(pieces, LONGEST_LINE_CHARS)) {
    yield { line, values: parsed(text ?? "") };
  }
}

async function* csvRows(pieces: AsyncIterable<string>, file: string): AsyncGenerator<Line> {
  const columns = (header: string[]): string[] => {
    if (isResultsHeader(header)) return header;
    // A run that continued it would write its rows below the wrong titles.
    throw new UnusableResults(`${file} is not a results file: its columns are not those of cancel`);
  };
  const record_delimiter = ["\r\n", "\n"]; // otherwise the first line decides, and several others are one row
  const options = { columns, record_delimiter, info: true, relax_quotes: true, relax_column_count: true };
  // Errors of the pipeline end the parser, and so the loop below.
  const parser = pipeline(pieces, parse(options), () => {});
  for await (const { record, info } of parser as AsyncIterable<{ record: Line["values"]; info: { lines: number } }>) {
    yield { line: info.lines, values: record };
  }
}

/** Leaves out the text after the last line end, which a crash cut off. */
async function* wholeLines(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let begun: string | undefined;
  for await (const piece of pieces) {
    const text = begun === undefined ? piece.replace(/^\ufeff/, "") : begun + piece;
    const end = text.lastIndexOf("\n") + 1;
    begun = text.slice(end);
    if (end > 0) yield text.slice(0, end);
  }
}

function parsed(line: string): Record<string, unknown> {
  try {
    return (JSON.parse(line) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}
