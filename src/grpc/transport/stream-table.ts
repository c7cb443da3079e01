// Holds every open stream, for the check of all. An array and not a Set, whose table would be
// rebuilt every few hundred rpcs and keep dead streams alive: see ADR 21.
import { BOUNDS } from "../resource-bounds.js";
import type { GuardedStream } from "./guarded-stream.js";

/** As many as streams are admitted. */
const PLACES = BOUNDS.gateway.streams;

export class StreamTable {
  readonly #streams: (GuardedStream | undefined)[] = new Array(PLACES).fill(undefined);
  readonly #freePlaces = Array.from({ length: PLACES }, (_, place) => place);

  add(stream: GuardedStream): void {
    stream.place = this.#freePlaces.pop() as number;
    this.#streams[stream.place] = stream;
  }

  /** To be called once, when the stream has closed. */
  remove({ place }: GuardedStream): void {
    this.#streams[place] = undefined;
    this.#freePlaces.push(place);
  }

  checkAll(nowMs: number): void {
    for (const stream of this.#streams) stream?.check(nowMs);
  }
}
