// Counts the rows that text takes on a screen, where a line that is too long goes on in the next
// row.
import { stripVTControlCharacters } from "node:util";

/** `text` ends with a line end. A screen that does not know its width has 0 columns. */
export function screenRows(text: string, columns: number): number {
  const lines = stripVTControlCharacters(text).split("\n").slice(0, -1);
  return lines.reduce((rows, { length }) => rows + Math.max(1, Math.ceil(length / (columns || Infinity))), 0);
}
