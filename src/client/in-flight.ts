// Keeps the devices that were taken and have no result yet. Each chunk waits or has been sent,
// until every name in it has its result. Knows no wire and no clock.
import type { StreamCancelTasksByDeviceResponse_Answer as Answer } from "../gen/ota/v1/ota_service.js";
import { type Chunk, chunkOf, givenUp, halvesOf, owed } from "./chunk.js";
import { EqualRefusals } from "./equal-refusals.js";
import type { Failure } from "./failure.js";
import type { DeviceResult, UpstreamCall } from "./response.js";
import { type Settlement, settlementOf } from "./settlement.js";
import { Undecided } from "./undecided.js";

/** Five full calls: half a second's work at the usual rate. */
const CHUNK_DEVICES = 1000;

/** Most tries for each device. */
const MOST_TRIES = 10;

const FIRST_BACKOFF_MS = 200;

type Again = NonNullable<Settlement["again"]>;

export interface Settled {
  readonly results: readonly DeviceResult[];
  readonly calls: readonly UpstreamCall[];
  /** Why no other device can fare better. */
  readonly refused?: Failure;
}

export class UnderWay {
  #waiting: Chunk[] = [];
  readonly #asked = new Map<bigint, Chunk>();
  readonly #undecided = new Undecided();
  readonly #equalRefusals = new EqualRefusals();
  #chunkDevices = CHUNK_DEVICES;
  #sequence = 0n;
  /** Whether nothing is sent any more. */
  #isOver = false;

  /** Number of chunks. Undecided devices count as the chunks that they would fill. */
  get chunks(): number {
    return this.#waiting.length + this.#asked.size + Math.ceil(this.#undecided.devices / CHUNK_DEVICES);
  }

  /** Whether an answer is awaited. */
  get isAsked(): boolean {
    return this.#asked.size > 0;
  }

  /** Devices to take at a time. */
  get chunkDevices(): number {
    return this.#chunkDevices;
  }

  /**
   * When the first waiting chunk is due; Infinity if nothing may be sent before an answer comes.
   */
  get nextDueMs(): number {
    if (this.#isOneAlone) return Infinity;
    const dueMs = this.#asked.size === 0 ? this.#undecided.nextDueMs : Infinity;
    return this.#waiting.reduce((earliestMs, { notBeforeMs }) => Math.min(earliestMs, notBeforeMs), dueMs);
  }

  /** Takes names. Returns the results of those that cannot be sent. */
  take(names: readonly string[]): readonly DeviceResult[] {
    const { chunk, invalid } = chunkOf(names);
    if (chunk.names.length > 0) this.#waiting.push(chunk);
    return invalid;
  }

  /** Takes the chunks that are due, which count as sent from now on. */
  ask(nowMs: number): { readonly sequence: bigint; readonly names: readonly string[] }[] {
    if (this.#isOneAlone) return [];
    const due = this.#waiting.filter(({ notBeforeMs }) => notBeforeMs <= nowMs);
    this.#waiting = this.#waiting.filter(({ notBeforeMs }) => notBeforeMs > nowMs);
    const alone = due.length === 0 && this.#asked.size === 0 ? this.#undecided.next(nowMs) : undefined;
    if (alone) due.push(alone);
    return due.map((chunk) => {
      this.#asked.set(++this.#sequence, chunk);
      return { sequence: this.#sequence, names: chunk.names };
    });
  }

  answered(answer: Answer, nowMs: number): Settled {
    const chunk = this.#asked.get(answer.sequence);
    if (!chunk) return { results: [], calls: [] };
    this.#asked.delete(answer.sequence);
    const { results, calls, again, undecided, refused, isTooLarge } = settlementOf(answer, chunk.names, this.#isOver);
    if (isTooLarge) {
      const halves = halvesOf(chunk);
      this.#chunkDevices = Math.min(this.#chunkDevices, ...halves.map(({ names }) => names.length));
      this.#putFirst(halves);
    }
    const gaveUp = [
      ...(again ? this.#again(chunk, again, nowMs) : []),
      ...(undecided ? this.#undecided.add(chunk, undecided.names, undecided.failure) : []),
      ...(chunk.undecided && results.length > 0 ? this.#undecided.answered(results) : []),
    ];
    const told = chunk.mayHaveBeenSent ? results.map(perhapsSent) : results;
    const hopeless = refused ?? this.#equalRefusals.note(results);
    return { results: [...owed(told, chunk), ...gaveUp], calls, ...(hopeless && { refused: hopeless }) };
  }

  /**
   * Notes that nothing that was sent will be answered. Those chunks go first on the next
   * connection.
   */
  lost(failure: Failure, mayHaveBeenSent: boolean): readonly DeviceResult[] {
    const lost = [...this.#asked.values()].map((chunk) => ({
      ...chunk,
      tries: chunk.tries + 1,
      mayHaveBeenSent: chunk.mayHaveBeenSent || mayHaveBeenSent,
    }));
    this.#asked.clear();
    const isLeft = ({ tries }: Chunk) => tries < MOST_TRIES;
    this.#putFirst(lost.filter(isLeft));
    return lost.filter((chunk) => !isLeft(chunk)).flatMap((chunk) => [...owed(givenUp(chunk, failure), chunk)]);
  }

  /** Sends nothing more: gives up the waiting chunks, and returns their results. */
  giveUpWaiting(failure: Failure): readonly DeviceResult[] {
    this.#isOver = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    return [...waiting.flatMap((chunk) => [...owed(givenUp(chunk, failure), chunk)]), ...this.#undecided.giveUp()];
  }

  /** Whether a chunk is under way that must not share its calls with the rest of the list. */
  get #isOneAlone(): boolean {
    for (const { undecided } of this.#asked.values()) return undecided !== undefined; // if any, it is the only one
    return false;
  }

  #putFirst(chunks: readonly Chunk[]): void {
    for (const chunk of chunks.toReversed()) {
      if (chunk.undecided) this.#undecided.putBack(chunk);
      else this.#waiting.unshift(chunk);
    }
  }

  #again(asked: Chunk, { names, failure, mayHaveBeenSent }: Again, nowMs: number): readonly DeviceResult[] {
    const tries = asked.tries + 1;
    const chunk = { ...asked, names, mayHaveBeenSent: asked.mayHaveBeenSent || mayHaveBeenSent };
    if (tries >= MOST_TRIES) return [...owed(givenUp(chunk, failure), chunk)];
    const waitMs = failure.retryAfterMs ?? FIRST_BACKOFF_MS * 2 ** asked.tries;
    const later = { ...chunk, tries, notBeforeMs: nowMs + waitMs };
    if (later.undecided) this.#undecided.putBack(later);
    else this.#waiting.push(later);
    return [];
  }
}

/** Corrects a result, because the gateway knows of the last try only. */
function perhapsSent(result: DeviceResult): DeviceResult {
  return result.outcome === "NOT_ATTEMPTED" ? { ...result, outcome: "UNKNOWN" } : result;
}
