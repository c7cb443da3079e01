// Reads device names out of CSV: finds what separates the fields, which column holds the names, and
// whether the first line is a header. Memory is bounded by one record.
import { pipeline } from "node:stream";
import { type Options, parse } from "csv-parse";
import { DEVICE_NAME, wrongWith } from "../../base/text-rules.js";
import { visible } from "../../base/visible-text.js";
import { LONGEST_LINE_CHARS, type NameLine, noName, UnreadableNames } from "./name-line.js";
import { DEFAULT_COLUMN, isTitle, nameTitleIn } from "./name-words.js";
import { isSepRecord, separatorOf, separatorWord } from "./separator.js";

interface Csv {
  readonly pieces: AsyncIterable<string>;
  /** The first line that is neither empty nor a comment. */
  readonly firstLine: string;
  /** A title or a number, if the user chose one. */
  readonly column: string | undefined;
  /** Gets what the list is taken for, before the first name. */
  readonly told: (taken: string) => void;
}

interface CsvRecord {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

export async function* csvNames({ pieces, firstLine, column, told }: Csv): AsyncGenerator<NameLine> {
  const separator = separatorOf(firstLine, column);
  const options: Options = {
    info: true,
    delimiter: separator,
    comment: "#",
    comment_no_infix: true,
    ltrim: true, // trimming the end as well would refuse what follows a quote
    relax_quotes: true, // a note like 5" display
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_empty_values: true, // a spreadsheet ends its lines with separators, also the empty ones
    record_delimiter: ["\r\n", "\n", "\r"], // otherwise the first line decides, and lines that end differently count twice
    max_record_size: LONGEST_LINE_CHARS,
  };
  // Errors of the pipeline end the parser, and so the loop below.
  const parser = pipeline(pieces, parse(options), () => {});
  let index: number | undefined;
  let width = 0;
  /** A first record that may be the whole list. */
  let only: NameLine[] | undefined;
  let header: readonly string[] = [];
  try {
    for await (const { record, info } of parser as AsyncIterable<CsvRecord>) {
      const fields = record.map(bare);
      const { lines: line } = info;
      if (only) throw unknownColumn(header, column, separator);
      if (index === undefined) {
        if (isSepRecord(fields)) continue;
        header = fields;
        width = fields.length;
        const found = columnOf(fields, column);
        if (!found) {
          const filled = fields.filter((field) => field !== "");
          if (column !== undefined || !filled.every(isSurelyName)) throw unknownColumn(header, column, separator);
          only = filled.map((name) => ({ line, name }));
          continue;
        }
        index = found.index;
        told(takenFor(fields, found, separator));
        if (found.isHeader) continue;
      }
      const name = fields[index];
      yield { line, ...(name === undefined ? noName("has no such column") : { name }) };
      if (hasSwallowed(fields, separator, width)) yield { line, ...SWALLOWED };
    }
  } catch (error) {
    if (error instanceof UnreadableNames || !isCsvError(error)) throw error;
    throw new UnreadableNames(`is not CSV: ${error.message}`);
  } finally {
    parser.destroy(); // does not wait for the next piece, which may take long
  }
  if (!only) return;
  told(`CSV of a single line, ${only.length} names separated by ${separatorWord(separator)}`);
  yield* only;
}

const SWALLOWED = noName(
  "ends a quoted field that holds whole lines; remove the stray quote, or their devices are left out",
);

/** Without the blanks around it, and the quotes that blanks kept from being seen as such. */
function bare(field: string): string {
  return field.trim().replace(/^"([^"]*)"$/, "$1");
}

/** Whether a quote that was never meant to begin a field has made one of the lines after it. */
function hasSwallowed(fields: readonly string[], separator: string, width: number): boolean {
  if (width < 2) return false;
  const isLine = (text: string) => text.split(separator).length === width;
  return fields.some((field) => field.includes("\n") && field.split(/\r?\n/).slice(1).some(isLine));
}

interface Column {
  readonly index: number;
  readonly isHeader: boolean;
}

/** Undefined if it takes the user to say which it is. */
function columnOf(record: readonly string[], column: string | undefined): Column | undefined {
  const titled = nameTitleIn(record, column);
  if (titled >= 0) return { index: titled, isHeader: true };
  const index = column === undefined ? onlyField(record) : /^\d+$/.test(column) ? Number(column) - 1 : -1;
  return index >= 0 && index < record.length ? { index, isHeader: isHeader(record, index) } : undefined;
}

/** The index of the field that is filled; -1 if several are. */
function onlyField(record: readonly string[]): number {
  const isFilled = (field: string) => field !== "";
  return record.filter(isFilled).length === 1 ? record.findIndex(isFilled) : -1;
}

/**
 * Whether the first line holds no device: its field cannot be a name, or is one title among others.
 */
function isHeader(record: readonly string[], index: number): boolean {
  const field = record[index] ?? "";
  if (!isName(field)) return field !== "";
  return !/\d/.test(field) && record.some(isTitle);
}

/** Unlike a word such as `online`, which could be a name. */
function isSurelyName(field: string): boolean {
  return isName(field) && /\d/.test(field);
}

function isName(field: string): boolean {
  return wrongWith(field, DEVICE_NAME) === undefined;
}

function takenFor(record: readonly string[], { index, isHeader }: Column, separator: string): string {
  const title = isHeader ? ` "${visible((record[index] ?? "").slice(0, 40))}"` : "";
  const of = record.length > 1 ? ` of ${record.length}` : "";
  const separated = record.length > 1 && separator !== "," ? `, separated by ${separatorWord(separator)}` : "";
  return `CSV${separated}, names in column ${index + 1}${title}${of}${isHeader ? "" : ", no header"}`;
}

function unknownColumn(header: readonly string[], column: string | undefined, separator: string): UnreadableNames {
  const columns = visible(header.slice(0, 12).join(", "));
  const separated =
    header.length > 1 && separator !== ","
      ? `. Fields are taken to be separated by ${separatorWord(separator)}; a first line "sep=," would say commas`
      : "";
  return new UnreadableNames(
    `has no column "${visible(column ?? DEFAULT_COLUMN)}"; choose one with --column (${columns}), or give its number${separated}`,
  );
}

function isCsvError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && String(error.code).startsWith("CSV_");
}
