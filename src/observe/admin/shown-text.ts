// Text from callers and from the upstream, as it may be shown: it says no more and no less than it
// holds. What a reader cannot see, or what would reorder the line, is spelled out; length is bounded.
import { visible } from "../../base/visible-text.js";

/** The text, at most `longest` characters and what they take to be seen. */
export function shownText(text: string, longest: number): string {
  return visible(text.length > longest ? `${text.slice(0, longest - 1)}…` : text);
}
