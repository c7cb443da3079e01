// Devices that the upstream refused together with others, and that the gateway could not tell apart within its budget.
// They are asked for again in pieces for which that budget always does, each by itself and when nothing else of the list
// is under way: else the piece would share its call. Knows no wire and no clock.
import { type Chunk, givenUp, owed } from "./chunk.js";
import type { Failure } from "./failure.js";
import type { DeviceResult } from "./response.js";

/** 2n - 1 calls tell n devices apart, and the gateway takes 32 beside the refused one. */
const PIECE_DEVICES = 16;

/** After so many pieces in a row of which no device ended well the rest stays as it is: the calls are others' too. */
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

  /** Some of a chunk. Returns the results of those that will not be asked for again. */
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

  /** The next piece, now counted as asked for; undefined if none is due. */
  next(nowMs: number): Chunk | undefined {
    return this.nextDueMs <= nowMs ? this.#pieces.shift() : undefined;
  }

  /** A piece that has had no answer. */
  putBack(piece: Chunk): void {
    this.#pieces.unshift(piece);
  }

  /** A piece has been answered. Returns the results of all that are left, once there is no use in asking for them. */
  answered(results: readonly DeviceResult[]): readonly DeviceResult[] {
    this.#inVain = results.some(({ ok }) => ok) ? 0 : this.#inVain + 1;
    return this.#inVain >= MOST_IN_VAIN ? this.giveUp() : [];
  }

  /** Nothing that is left will be asked for. */
  giveUp(): readonly DeviceResult[] {
    return this.#pieces.splice(0).flatMap(resultsOf);
  }
}

function resultsOf(piece: Chunk & { readonly undecided?: Failure }): readonly DeviceResult[] {
  return piece.undecided ? [...owed(givenUp(piece, piece.undecided), piece)] : [];
}
