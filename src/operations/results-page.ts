// One page of results, built chunk by chunk in the order of the list: which devices of a chunk
// belong to it, and where it ends.
import { OUTCOMES } from "../gateway/device-outcome.js";
import type { OperationRow } from "./operation-row.js";
import { decodeOutcomes, failureAt, isFinal, kindOfMark } from "./outcomes.js";
import { CHUNK_DEVICES, type ResultsQuery, type StoredResult } from "./store.js";

/** Chunks that one page looks at, so that a rare outcome does not hold up other calls. */
export const PAGE_CHUNKS = 200;

/** Chunks that are read at a time: about as many as a page with all of their devices has. */
export const STEP_CHUNKS = 4;

/**
 * A page ends when its results reach this length. A MiB of text, or ten thousand short names, would
 * hold the event loop of the port for longer than 10 ms; more and shorter pages cost a reader
 * little.
 */
const MOST_CHARACTERS = 1 << 18;

/** Of a result, beside its name and its failure: to encode it takes as long as that many more. */
const RESULT_CHARACTERS = 32;

const NOT_ATTEMPTED = OUTCOMES.indexOf("not-attempted");

/** A chunk without its names. */
export interface ResultsRow {
  readonly chunk: number;
  readonly devices: number;
  readonly outcomes: Uint8Array | null;
  readonly failures: string | null;
}

export interface ChosenResult {
  /** In its chunk. */
  readonly index: number;
  readonly kind: number;
  readonly failure: string;
}

export class PageOfResults {
  readonly results: StoredResult[] = [];
  readonly #operation: OperationRow;
  readonly #query: ResultsQuery;
  #characters = 0;

  constructor(operation: OperationRow, query: ResultsQuery) {
    this.#operation = operation;
    this.#query = query;
  }

  get firstChunk(): number {
    return Math.floor(this.#query.from / CHUNK_DEVICES);
  }

  /** Devices of a chunk with one of the outcomes asked for; no more than the page can need. */
  chosen({ chunk, devices, outcomes, failures }: ResultsRow): readonly ChosenResult[] {
    const { from, kinds, most } = this.#query;
    const found: ChosenResult[] = [];
    const first = Math.max(from - chunk * CHUNK_DEVICES, 0);
    if (!outcomes) {
      // Never fed. If the operation has ended, its end says what became of them.
      if (this.#operation.end_ms === null || (kinds && !kinds.includes(NOT_ATTEMPTED))) return found;
      for (let index = first; index < devices && found.length <= most; index++) {
        found.push({ index, kind: NOT_ATTEMPTED, failure: this.#operation.unsent });
      }
      return found;
    }
    const stored = decodeOutcomes(outcomes, devices, failures ?? "[]");
    for (let index = first; index < devices && found.length <= most; index++) {
      const mark = stored.marks[index] as number;
      const kind = kindOfMark(mark);
      if (isFinal(mark) && (!kinds || kinds.includes(kind)))
        found.push({ index, kind, failure: failureAt(stored, index) });
    }
    return found;
  }

  /** Adds them. Returns where the next page starts if this one is full. */
  add(chunk: number, chosen: readonly ChosenResult[], names: readonly string[]): number | undefined {
    for (const { index, kind, failure } of chosen) {
      const position = chunk * CHUNK_DEVICES + index;
      const name = names[index] as string;
      this.#characters += name.length + failure.length + RESULT_CHARACTERS;
      const isFull = this.results.length === this.#query.most;
      if (isFull || (this.#characters > MOST_CHARACTERS && this.results.length > 0)) return position;
      this.results.push({ position, name, kind, failure });
    }
    return undefined;
  }
}
