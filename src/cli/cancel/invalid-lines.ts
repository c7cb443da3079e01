// The lines of a list that hold no device name: the first few are shown, with their place and the
// reason.
import { visible, visibleJson } from "../../base/visible-text.js";
import { counted } from "../terminal/figures.js";
import type { InvalidName } from "./name-list.js";

const SHOWN = 5;

export class InvalidLines {
  readonly #shown: string[] = [];
  #count = 0;

  add(found: InvalidName): void {
    this.#count++;
    if (this.#shown.length < SHOWN) this.#shown.push(invalidText(found));
  }

  /** One each, and the number of those that are not shown. */
  get texts(): readonly string[] {
    const more = this.#count - this.#shown.length;
    return more > 0 ? [...this.#shown, `and ${counted(more, "line")} more`] : this.#shown;
  }
}

/** Arguments have no line. */
export function placeOf({ line, unit }: Pick<InvalidName, "line" | "unit">): string {
  return line > 0 ? `${unit ?? "line"} ${line}` : "argument";
}

function invalidText(found: InvalidName): string {
  const { text, message } = found;
  const shown = text === undefined ? "" : `: ${visibleJson(JSON.stringify(text.slice(0, 40)))}`;
  return `${placeOf(found)}${shown} ${visible(message)}`;
}
