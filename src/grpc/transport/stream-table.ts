// Finds the open stream of a call, by a header that the gate adds. An array and not a Map, whose
// table would be rebuilt every few hundred rpcs and keep dead streams alive: see ADR 21.
import type { IncomingHttpHeaders } from "node:http2";
import type { Metadata } from "@grpc/grpc-js";
import { BOUNDS } from "../resource-bounds.js";
import type { GuardedStream } from "./guarded-stream.js";

/** Overwrites whatever a client puts there. */
const STREAM_HEADER = "x-ota-stream-of-gateway";

/** As many as streams are admitted. */
const PLACES = BOUNDS.gateway.streams;

export class StreamTable {
  readonly #streams: (GuardedStream | undefined)[] = new Array(PLACES).fill(undefined);
  readonly #freePlaces = Array.from({ length: PLACES }, (_, place) => place);
  #added = 0;

  /** Marks the headers with the stream. */
  add(stream: GuardedStream, headers: IncomingHttpHeaders): void {
    const place = this.#freePlaces.pop() as number;
    stream.id = this.#added++ * PLACES + place;
    headers[STREAM_HEADER] = String(stream.id);
    this.#streams[place] = stream;
  }

  /** To be called once, when the stream has closed. */
  remove({ id }: GuardedStream): void {
    const place = id % PLACES;
    this.#streams[place] = undefined;
    this.#freePlaces.push(place);
  }

  /** The stream of the call with this metadata; undefined if it has closed. */
  of(metadata: Metadata): GuardedStream | undefined {
    const id = Number(metadata.get(STREAM_HEADER)[0]);
    const stream = this.#streams[id % PLACES];
    return stream?.id === id ? stream : undefined; // another stream may have its place now
  }

  checkAll(nowMs: number): void {
    for (const stream of this.#streams) stream?.check(nowMs);
  }
}
