// Decides which of the names to send: each once, well-formed, and not among those that ended well
// in an earlier run. Names left out are counted, and reported with the place to correct them.
import { DEVICE_NAME, wrongWith } from "../../base/text-rules.js";
import type { NameLine } from "./name-line.js";

export interface NameCounts {
  /** To be sent. */
  taken: number;
  /** Listed more than once. */
  duplicates: number;
  invalid: number;
  /** Ended well in an earlier run. */
  skipped: number;
}

/** A line without a device name. */
export interface InvalidName extends Pick<NameLine, "line" | "unit"> {
  /** The text in place of a name; undefined if there is none. */
  readonly text: string | undefined;
  /** Follows "line 7". */
  readonly message: string;
}

/** One set holds every name seen, about 100 bytes a device. Nothing else grows with the list. */
export class NameList {
  readonly counts: NameCounts = { taken: 0, duplicates: 0, invalid: 0, skipped: 0 };
  readonly #seen = new Set<string>();
  readonly #before: ReadonlySet<string>;
  readonly #foundInvalid: (invalid: InvalidName) => void;

  constructor(before: ReadonlySet<string>, foundInvalid: (invalid: InvalidName) => void) {
    this.#before = before;
    this.#foundInvalid = foundInvalid;
  }

  /** Whether there was nothing that could have been a name. */
  get isEmpty(): boolean {
    return this.#seen.size === 0 && this.counts.invalid === 0;
  }

  async *taken(lines: AsyncIterable<NameLine>): AsyncGenerator<string> {
    for await (const each of lines) if (this.#takes(each)) yield each.name as string;
  }

  #takes({ line, unit, name, problem }: NameLine): boolean {
    const { counts } = this;
    const wrong = name === undefined ? problem : wrongName(name);
    if (name === undefined || wrong) {
      counts.invalid++;
      this.#foundInvalid({ line, ...(unit && { unit }), text: name?.slice(0, 200), message: wrong ?? "has no name" });
      return false;
    }
    if (this.#seen.has(name)) {
      counts.duplicates++;
      return false;
    }
    this.#seen.add(name);
    if (this.#before.has(name)) counts.skipped++;
    else counts.taken++;
    return !this.#before.has(name);
  }
}

function wrongName(name: string): string | undefined {
  const wrong = wrongWith(name, DEVICE_NAME);
  const advice = /[,;\t|]/.test(name) ? ". For CSV, name the column with --column NAME" : "";
  return wrong && `is not a device name: ${wrong}${advice}`;
}
