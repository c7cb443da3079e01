// Devices that the upstream refused together, when the gateway could not find the one at fault
// within its budget. They are sent again in pieces small enough for that budget. Each piece goes
// alone, with nothing else of the list under way, since it would otherwise share its call. Knows no
// wire and no clock.
import { type Chunk, givenUp, owed } from "./chunk.js";
import type { Failure } from "./failure.js";
import type { DeviceResult } from "./response.js";

/**
 * Finding the fault among n devices takes 2n - 1 calls, and the gateway allows 32 beside the
 * refused one.
 */
const PIECE_DEVICES = 16;

/**
 * After this many pieces in a row without a success, the rest is given up: others need the calls
 * too.
 */
const MOST_IN_VAIN = 3;

export class Undecided {
  #pieces: Chunk[] = [];
  #inVain = 0;

  get devices(): number {
    return this.#pieces.reduce((sum, { names }) => sum + names.length, 0);
  }

  /** When the next piece is due; Infinity if there is none. */
  get nextDueMs(): number {
    return this.#pieces[0]?.notBeforeMs ?? Infinity;
  }

  /** Adds some devices of a chunk. Returns the results of those that will not be sent again. */
  add(chunk: Chunk, names: readonly string[], failure: Failure): readonly DeviceResult[] {
    const whole = { ...chunk, names, mayHaveBeenSent: true, tries: 0, notBeforeMs: 0, undecided: failure };
    const wasByItself = chunk.undecided !== undefined;
    if (this.#inVain >= MOST_IN_VAIN || (wasByItself && names.length === 1)) return resultsOf(whole);
    const size = wasByItself ? Math.ceil(names.length / 2) : PIECE_DEVICES;
    const pieces = Array.from({ length: Math.ceil(names.length / size) }, (_, n) => ({
      ...whole,
      names: names.slice(n * size, (n + 1) * size),
    }));
    if (wasByItself) this.#pieces.unshift(...pieces);
    else this.#pieces.push(...pieces);
    return [];
  }

  /** Takes the next piece, which counts as sent from now on; undefined if none is due. */
  next(nowMs: number): Chunk | undefined {
    return this.nextDueMs <= nowMs ? this.#pieces.shift() : undefined;
  }

  /** Puts back a piece that had no answer. */
  putBack(piece: Chunk): void {
    this.#pieces.unshift(piece);
  }

  /**
   * Notes that a piece was answered. Returns the results of all that are left, once sending more
   * makes no sense.
   */
  answered(results: readonly DeviceResult[]): readonly DeviceResult[] {
    this.#inVain = results.some(({ ok }) => ok) ? 0 : this.#inVain + 1;
    return this.#inVain >= MOST_IN_VAIN ? this.giveUp() : [];
  }

  /** Gives up everything that is left, and returns its results. */
  giveUp(): readonly DeviceResult[] {
    return this.#pieces.splice(0).flatMap(resultsOf);
  }
}

function resultsOf(piece: Chunk & { readonly undecided?: Failure }): readonly DeviceResult[] {
  return piece.undecided ? [...owed(givenUp(piece, piece.undecided), piece)] : [];
}
