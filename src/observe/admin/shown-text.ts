// Makes text from callers and from the upstream safe to display. Invisible characters, and those
// that reorder a line, are spelled out, so that the text shows exactly what it contains. Length is
// bounded.
import { visible } from "../../base/visible-text.js";

/** Returns at most `longest` characters of the text, invisible ones spelled out. */
export function shownText(text: string, longest: number): string {
  return visible(text.length > longest ? `${text.slice(0, longest - 1)}…` : text);
}
