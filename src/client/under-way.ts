// The devices that have been taken and have no result: each chunk waits or has been asked for, until every name
// in it has its result. Knows no wire and no clock.
import type { StreamCancelTasksByDeviceResponse_Answer as Answer } from "../gen/ota/v1/ota_service.js";
import { type Chunk, chunkOf, givenUp, halvesOf, owed } from "./chunk.js";
import type { Failure } from "./failure.js";
import type { DeviceResult, UpstreamCall } from "./response.js";
import { settlementOf } from "./settlement.js";

/** Five full calls: half a second's worth at the usual rate. */
const CHUNK_DEVICES = 1000;

/** So often a device is asked for. */
const MOST_TRIES = 10;

const FIRST_BACKOFF_MS = 200;

export interface Settled {
  readonly results: readonly DeviceResult[];
  readonly calls: readonly UpstreamCall[];
  /** Why no other device can fare better. */
  readonly refused?: Failure;
}

export class UnderWay {
  #waiting: Chunk[] = [];
  readonly #asked = new Map<bigint, Chunk>();
  #chunkDevices = CHUNK_DEVICES;
  #sequence = 0n;

  get chunks(): number {
    return this.#waiting.length + this.#asked.size;
  }

  /** How many devices to take at a time. */
  get chunkDevices(): number {
    return this.#chunkDevices;
  }

  /** When the first that waits is due; Infinity if none does. */
  get nextDueMs(): number {
    return this.#waiting.reduce((dueMs, { notBeforeMs }) => Math.min(dueMs, notBeforeMs), Infinity);
  }

  /** Returns the results of what cannot be asked for. */
  take(names: readonly string[]): readonly DeviceResult[] {
    const { chunk, invalid } = chunkOf(names);
    if (chunk.names.length > 0) this.#waiting.push(chunk);
    return invalid;
  }

  /** What is due, now counted as asked for. */
  ask(nowMs: number): { readonly sequence: bigint; readonly names: readonly string[] }[] {
    const due = this.#waiting.filter(({ notBeforeMs }) => notBeforeMs <= nowMs);
    this.#waiting = this.#waiting.filter(({ notBeforeMs }) => notBeforeMs > nowMs);
    return due.map((chunk) => {
      this.#asked.set(++this.#sequence, chunk);
      return { sequence: this.#sequence, names: chunk.names };
    });
  }

  answered(answer: Answer, nowMs: number): Settled {
    const chunk = this.#asked.get(answer.sequence);
    if (!chunk) return { results: [], calls: [] };
    this.#asked.delete(answer.sequence);
    const { results, calls, again, refused, isTooLarge } = settlementOf(answer, chunk.names);
    if (isTooLarge) {
      const halves = halvesOf(chunk);
      this.#chunkDevices = Math.min(this.#chunkDevices, ...halves.map(({ names }) => names.length));
      this.#waiting.unshift(...halves);
    }
    const gaveUp = again ? this.#again({ ...chunk, names: again.names }, again.failure, nowMs) : [];
    return { results: [...owed(results, chunk), ...gaveUp], calls, ...(refused && { refused }) };
  }

  /** Nothing that was asked for will be answered; it goes first when there is somebody to ask. */
  lost(failure: Failure, mayHaveBeenSent: boolean): readonly DeviceResult[] {
    const lost = [...this.#asked.values()].map((chunk) => ({
      ...chunk,
      tries: chunk.tries + 1,
      mayHaveBeenSent: chunk.mayHaveBeenSent || mayHaveBeenSent,
    }));
    this.#asked.clear();
    const isLeft = ({ tries }: Chunk) => tries < MOST_TRIES;
    this.#waiting.unshift(...lost.filter(isLeft));
    return lost.filter((chunk) => !isLeft(chunk)).flatMap((chunk) => [...owed(givenUp(chunk, failure), chunk)]);
  }

  /** What waits will not be asked for any more. */
  giveUpWaiting(failure: Failure): readonly DeviceResult[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting.flatMap((chunk) => [...owed(givenUp(chunk, failure), chunk)]);
  }

  #again(chunk: Chunk, failure: Failure, nowMs: number): readonly DeviceResult[] {
    const tries = chunk.tries + 1;
    if (tries >= MOST_TRIES) return [...owed(givenUp(chunk, failure), chunk)];
    const waitMs = failure.retryAfterMs ?? FIRST_BACKOFF_MS * 2 ** chunk.tries;
    this.#waiting.push({ ...chunk, tries, notBeforeMs: nowMs + waitMs });
    return [];
  }
}
