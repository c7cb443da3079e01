// Reads device names out of JSON: a line each, or one document such as an answer of the vendor's
// API. A name is a string, or stands under a key that is written in any of the usual ways.
import { visible } from "../../base/visible-text.js";
import { type FoundName, type NameLine, noName, UnreadableNames } from "./name-line.js";
import { DEFAULT_COLUMN, nameTitleIn } from "./name-words.js";

/** A document has to fit into memory; lines do not. */
const LONGEST_DOCUMENT_CHARS = 2 ** 28;

/** How deep a list may lie in a document. */
const MOST_DEPTH = 5;

/** The names of one line. Most have one; an answer of the API that stands on a line has many. */
export function namesInLine(line: string, column: string | undefined): readonly FoundName[] {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return [noName("is not JSON")];
  }
  const list = Array.isArray(value) ? undefined : listIn(value, column);
  return (list ?? [value]).map((each) => nameIn(each, column));
}

/** The names of a document. `told` gets what it is taken for, before the first name. */
export async function* namesInDocument(
  pieces: AsyncIterable<string>,
  column: string | undefined,
  told: (taken: string) => void,
): AsyncGenerator<NameLine> {
  let text = "";
  for await (const piece of pieces) {
    text += piece;
    if (text.length > LONGEST_DOCUMENT_CHARS)
      throw new UnreadableNames("is too long for one JSON document; use JSON lines");
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UnreadableNames("is not JSON: neither one document nor a document on each line");
  }
  const list = Array.isArray(value) ? value : listIn(value, column);
  if (!list) throw new UnreadableNames(`holds no list of names, or of objects with the key "${wanted(column)}"`);
  told(`JSON, ${keyed(list[0], column)}`);
  for (const [index, each] of list.entries()) yield { line: index + 1, unit: "item", ...nameIn(each, column) };
}

/** Describes where the names are, by the first of them. */
export function keyed(first: unknown, column: string | undefined): string {
  const [name] = listIn(first, column) ?? [first];
  if (typeof name === "string") return "a list of names";
  const key = isObject(name) ? keyIn(name, column) : undefined;
  return `names under the key "${key === undefined ? wanted(column) : visible(key)}"`;
}

function nameIn(value: unknown, column: string | undefined): FoundName {
  if (typeof value === "string") return { name: value };
  if (!isObject(value)) return noName("is neither a JSON object nor a JSON string");
  const key = keyIn(value, column);
  if (key === undefined) return noName(`has no key "${wanted(column)}"; name the key with --column KEY`);
  const name = value[key];
  return typeof name === "string" ? { name } : noName(`has no string in "${visible(key)}"`);
}

function wanted(column: string | undefined): string {
  return visible(column ?? DEFAULT_COLUMN);
}

function keyIn(value: Readonly<Record<string, unknown>>, column: string | undefined): string | undefined {
  const keys = Object.keys(value);
  return keys[nameTitleIn(keys, column)];
}

/**
 * Finds the list in an object that is no device itself: the first array of objects that have the
 * key, or of strings.
 */
function listIn(value: unknown, column: string | undefined, depth = 0): readonly unknown[] | undefined {
  if (Array.isArray(value)) {
    const [first] = value;
    const isList = typeof first === "string" || (isObject(first) && keyIn(first, column) !== undefined);
    return isList ? value : undefined;
  }
  if (!isObject(value) || depth === MOST_DEPTH || keyIn(value, column) !== undefined) return undefined;
  for (const each of Object.values(value)) {
    const list = listIn(each, column, depth + 1);
    if (list) return list;
  }
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
