// JSON as commands print it. It parses to the same value, and no text in it can move the cursor or
// look like something else.
import { visibleJson } from "../../base/visible-text.js";

/** On one line, for programs. */
export function jsonLine(value: object): string {
  return `${visibleJson(JSON.stringify(value))}\n`;
}

/** On many lines, for people too. */
export function jsonText(value: object): string {
  return `${JSON.stringify(value, undefined, 2).split("\n").map(visibleJson).join("\n")}\n`;
}
