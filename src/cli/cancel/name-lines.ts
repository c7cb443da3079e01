// Reads device names out of text, CSV or JSON that arrives in pieces, each with its place. Finds
// the format, and says what it took the list for before the first name. Judges no name.
import { boundedLines } from "../../base/bounded-lines.js";
import { visible } from "../../base/visible-text.js";
import { csvNames } from "./csv-names.js";
import { keyed, namesInDocument, namesInLine } from "./json-names.js";
import { LONGEST_LINE_CHARS, type NameLine, noName, UnreadableNames } from "./name-line.js";
import { isNameTitle } from "./name-words.js";
import { hasFields } from "./separator.js";

/** Formats that the name of a file says. */
export type NameFormat = "csv" | "json-lines";

const TOO_LONG = noName("is longer than 65,536 characters");

/** `told` gets what the list is taken for, to follow "read as". */
export async function* nameLines(
  pieces: AsyncIterable<string>,
  format: NameFormat | undefined,
  column: string | undefined,
  told: (taken: string) => void = () => {},
): AsyncGenerator<NameLine> {
  const { firstLine, all } = await opened(pieces);
  switch (formatOf(firstLine, format, column)) {
    case "csv":
      yield* csvNames({ pieces: all, firstLine, column, told });
      break;
    case "document":
      yield* namesInDocument(all, column, told);
      break;
    case "json-lines":
      told(`JSON lines, ${keyed(parsed(firstLine), column)}`);
      for await (const { line, text } of dataLines(all)) {
        for (const found of text === undefined ? [TOO_LONG] : namesInLine(text, column)) yield { line, ...found };
      }
      break;
    case "text":
      yield* textNames(all, firstLine, told);
  }
}

/** Finds the format by characters that no device name can contain. */
function formatOf(firstLine: string, format: NameFormat | undefined, column: string | undefined) {
  const line = firstLine.trim();
  if (format === "csv") return "csv";
  if (line.startsWith("[")) return "document";
  if (format) return format;
  if (line.startsWith("{")) return parsed(line) === undefined && !line.endsWith("}") ? "document" : "json-lines";
  if (column) return "csv";
  if (/^"[^",;\t|]*"$/.test(line)) return "json-lines";
  return hasFields(firstLine) ? "csv" : "text";
}

/** Reads until there is a line to go by. */
async function opened(pieces: AsyncIterable<string>) {
  const iterator = pieces[Symbol.asyncIterator]();
  let first = "";
  let line: string | undefined;
  for (let isOver = false; line === undefined && !isOver && first.length <= LONGEST_LINE_CHARS; ) {
    const { value, done } = await iterator.next();
    isOver = done === true;
    first = (first + (isOver ? "" : value)).replace(/^\ufeff/, "");
    if (first.includes("\0")) throw new UnreadableNames("is not UTF-8 text; save it as UTF-8");
    line = firstDataLine(isOver ? `${first}\n` : first);
  }
  async function* all(): AsyncGenerator<string> {
    yield first;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  }
  return { firstLine: line ?? "", all: all() };
}

/** Undefined until its end is there. */
function firstDataLine(text: string): string | undefined {
  for (const [, line = ""] of text.matchAll(/([^\r\n]*)[\r\n]/g)) if (isData(line.trim())) return line;
  return undefined;
}

function isData(line: string): boolean {
  return line !== "" && !line.startsWith("#");
}

async function* dataLines(pieces: AsyncIterable<string>) {
  for await (const { number: line, text: whole } of boundedLines(pieces, LONGEST_LINE_CHARS)) {
    const text = whole?.trim();
    if (text === undefined || isData(text)) yield { line, text };
  }
}

async function* textNames(
  pieces: AsyncIterable<string>,
  firstLine: string,
  told: (taken: string) => void,
): AsyncGenerator<NameLine> {
  const hasTitle = isNameTitle(firstLine);
  told(hasTitle ? `text, one name a line below "${visible(firstLine.trim())}"` : "text, one name a line");
  let isFirst = true;
  for await (const { line, text } of dataLines(pieces)) {
    const isSkipped = isFirst && hasTitle;
    isFirst = false;
    if (!isSkipped) yield { line, ...(text === undefined ? TOO_LONG : { name: text }) };
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
