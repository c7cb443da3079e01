// The devices of a stop that get a result: each has one place in a chunk, which is stored before
// the device is sent. Outcomes gather until the next commit.
import { type DeviceOutcome, OUTCOMES } from "../../gateway/device-outcome.js";
import { failureOfOutcome } from "../cancel-list.js";
import { markOf, mergeOutcomes, noOutcomes, type Outcomes, setOutcome } from "../outcomes.js";
import type { AppendedChunk, ChunkOutcomes, FedChunk } from "../store.js";
import type { StopDetail } from "./stop-spec.js";

interface Place {
  readonly chunk: number;
  readonly index: number;
  readonly devices: number;
  /** Whether an earlier holder may have sent the device. */
  readonly isRecalled: boolean;
}

type ChunkBatches = Pick<StopDetail, "chunks" | "chunkJobs">;

export class StopResults {
  /** By batch, then by name. Undefined for a device whose outcome is final. */
  readonly #places = new Map<string, Map<string, Place | undefined>>();
  readonly #forgotten = new Set<string>();
  /** Devices that this holder has stored, and has not sent so far. */
  readonly #unsent = new Map<Place, DeviceOutcome>();
  #pending = new Map<number, Outcomes>();
  #batches: ChunkBatches;

  constructor(batches: ChunkBatches) {
    this.#batches = batches;
  }

  /**
   * The devices without a place, as a chunk to be stored with `added`; undefined if all have one.
   * The others get the outcome in their places.
   */
  chunkOf(jobId: string, names: readonly string[], outcome?: DeviceOutcome): AppendedChunk | undefined {
    const known = this.#places.get(jobId);
    const fresh = [...new Set(names)].filter((name) => !known?.has(name));
    if (outcome) for (const name of names) this.note(jobId, name, outcome);
    if (fresh.length === 0) return undefined;
    const outcomes = noOutcomes(fresh.length);
    if (outcome) for (const index of fresh.keys()) set(outcomes, index, outcome);
    return { chunk: this.#batches.chunks.length, names: fresh, outcomes };
  }

  /** The batch of each chunk, with one more of this batch. */
  withChunkOf(jobId: string): ChunkBatches {
    const { chunks, chunkJobs } = this.#batches;
    const known = chunkJobs.indexOf(jobId);
    if (known >= 0) return { chunks: [...chunks, known], chunkJobs };
    return { chunks: [...chunks, chunkJobs.length], chunkJobs: [...chunkJobs, jobId] };
  }

  /** The chunk has been stored, and its number is taken. */
  added(jobId: string, { chunk, names }: AppendedChunk): void {
    this.#batches = this.withChunkOf(jobId);
    const places = this.#placesOf(jobId);
    const devices = names.length;
    for (const [index, name] of names.entries()) places.set(name, { chunk, index, devices, isRecalled: false });
  }

  /** An earlier holder has stored this chunk, and not all of its outcomes are final. */
  recall({ chunk, names }: Pick<FedChunk, "chunk" | "names">): void {
    const jobId = this.#jobOf(chunk);
    if (this.#forgotten.has(jobId)) return;
    const places = this.#placesOf(jobId);
    const devices = names.length;
    for (const [index, name] of names.entries()) places.set(name, { chunk, index, devices, isRecalled: true });
  }

  /** An earlier holder has stored this device of a chunk with its final outcome. */
  recallFinal(chunk: number, name: string): void {
    const jobId = this.#jobOf(chunk);
    if (!this.#forgotten.has(jobId)) this.#placesOf(jobId).set(name, undefined);
  }

  /** Nothing more comes of these batches. A rollout may have millions of devices. */
  forget(jobIds: Iterable<string>): void {
    for (const jobId of jobIds) {
      this.#places.delete(jobId);
      this.#forgotten.add(jobId);
    }
  }

  /**
   * A device that was not sent may be found again, and sent: that outcome is stored only with the
   * last ones. If the process ends before, nobody knows.
   */
  note(jobId: string, name: string, outcome: DeviceOutcome): void {
    const place = this.#places.get(jobId)?.get(name);
    if (!place) return;
    if (outcome.kind !== "not-attempted") {
      this.#unsent.delete(place);
      this.#setPending(place, outcome);
    } else if (!place.isRecalled) this.#unsent.set(place, outcome);
  }

  /** Nothing more is sent. */
  settleUnsent(): void {
    for (const [place, outcome] of this.#unsent) this.#setPending(place, outcome);
    this.#unsent.clear();
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

  #setPending({ chunk, devices, index }: Place, outcome: DeviceOutcome): void {
    const outcomes = this.#pending.get(chunk) ?? noOutcomes(devices);
    this.#pending.set(chunk, outcomes);
    set(outcomes, index, outcome);
  }

  #jobOf(chunk: number): string {
    const { chunks, chunkJobs } = this.#batches;
    return chunkJobs[chunks[chunk] ?? -1] ?? "";
  }

  #placesOf(jobId: string): Map<string, Place | undefined> {
    const places = this.#places.get(jobId) ?? new Map<string, Place | undefined>();
    this.#places.set(jobId, places);
    return places;
  }
}

function set(outcomes: Outcomes, index: number, outcome: DeviceOutcome): void {
  const failure = failureOfOutcome(outcome);
  setOutcome(outcomes, index, markOf(OUTCOMES.indexOf(outcome.kind)), failure ? JSON.stringify(failure) : "");
}
