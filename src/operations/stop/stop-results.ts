// The devices of a stop that get a result: each has one place in a chunk, which is stored before the
// device is sent. Outcomes gather until the next commit.
import { type DeviceOutcome, OUTCOMES } from "../../gateway/device-outcome.js";
import { failureOfOutcome } from "../cancel-list.js";
import { markOf, mergeOutcomes, noOutcomes, type Outcomes, setOutcome } from "../outcomes.js";
import type { AppendedChunk, ChunkOutcomes } from "../store.js";

interface Place {
  readonly chunk: number;
  readonly index: number;
  readonly devices: number;
}

export class StopResults {
  /** By batch, then by name. */
  readonly #places = new Map<string, Map<string, Place>>();
  #pending = new Map<number, Outcomes>();
  #chunks: number;

  constructor(chunks: number) {
    this.#chunks = chunks;
  }

  get chunks(): number {
    return this.#chunks;
  }

  get isEmpty(): boolean {
    return this.#pending.size === 0;
  }

  /** The devices without a place, as a chunk to be stored with `added`; undefined if all have one. */
  chunkOf(jobId: string, names: readonly string[], outcome?: DeviceOutcome): AppendedChunk | undefined {
    const known = this.#places.get(jobId);
    const fresh = [...new Set(names)].filter((name) => !known?.has(name));
    if (fresh.length === 0) return undefined;
    const outcomes = noOutcomes(fresh.length);
    if (outcome) for (const index of fresh.keys()) set(outcomes, index, outcome);
    return { chunk: this.#chunks, names: fresh, outcomes };
  }

  /** The chunk is being stored, and its number is taken. */
  added(jobId: string, { chunk, names }: AppendedChunk): void {
    const places = this.#places.get(jobId) ?? new Map<string, Place>();
    this.#places.set(jobId, places);
    for (const [index, name] of names.entries()) places.set(name, { chunk, index, devices: names.length });
    this.#chunks = chunk + 1;
  }

  note(jobId: string, name: string, outcome: DeviceOutcome): void {
    const place = this.#places.get(jobId)?.get(name);
    if (!place) return;
    const outcomes = this.#pending.get(place.chunk) ?? noOutcomes(place.devices);
    this.#pending.set(place.chunk, outcomes);
    set(outcomes, place.index, outcome);
  }

  /** Everything that is not stored yet. */
  take(): readonly ChunkOutcomes[] {
    const taken = [...this.#pending].map(([chunk, outcomes]) => ({ chunk, outcomes }));
    this.#pending = new Map();
    return taken;
  }

  /** It could not be stored. */
  putBack(taken: readonly ChunkOutcomes[]): void {
    for (const { chunk, outcomes } of taken) {
      const newer = this.#pending.get(chunk);
      if (newer) mergeOutcomes(outcomes, newer);
      this.#pending.set(chunk, outcomes);
    }
  }
}

function set(outcomes: Outcomes, index: number, outcome: DeviceOutcome): void {
  const failure = failureOfOutcome(outcome);
  setOutcome(outcomes, index, markOf(OUTCOMES.indexOf(outcome.kind)), failure ? JSON.stringify(failure) : "");
}
