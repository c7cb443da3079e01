// Which of the names that come in are to be asked for: each once, well-formed, and not among those that ended
// well in an earlier run. What is left out is counted, and told where it can be mended.
import { DEVICE_NAME, wrongWith } from "../../base/text-rules.js";
import type { NameLine } from "./name-lines.js";

export interface NameCounts {
  /** To be asked for. */
  taken: number;
  /** Named again. */
  duplicates: number;
  invalid: number;
  /** Ended well in an earlier run. */
  skipped: number;
}

/** A line that holds no device name. */
export interface InvalidName {
  readonly line: number;
  /** What stands there for a name; undefined if nothing does. */
  readonly text: string | undefined;
  /** Goes on after "line 7". */
  readonly message: string;
}

/** One set holds every name that was seen: some 100 bytes a device, the only thing that grows with the list. */
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

  #takes({ line, name, problem }: NameLine): boolean {
    const { counts } = this;
    const wrong = name === undefined ? problem : wrongName(name);
    if (name === undefined || wrong) {
      counts.invalid++;
      this.#foundInvalid({ line, text: name?.slice(0, 200), message: wrong ?? "has no name" });
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
  const advice = name.includes(",") ? ". Is it CSV? Say which column: --column NAME" : "";
  return wrong && `is not a device name: ${wrong}${advice}`;
}
