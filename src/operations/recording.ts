// Collects what the next commit of an operation records: new outcomes, the causes of failures, and
// the number of calls. Outcomes that arrive while the store is busy share one commit.
import { type DeviceOutcome, OUTCOMES } from "../gateway/device-outcome.js";
import { type Causes, failureOfOutcome } from "./cancel-list.js";
import { markOf, noOutcomes, type Outcomes, setOutcome } from "./outcomes.js";
import type { ChunkOutcomes, OperationRecord } from "./store.js";

export class Recording {
  #chunks = new Map<number, Outcomes>();
  /** Thousands of devices share a failure. */
  readonly #texts = new WeakMap<object, string>();
  readonly #causes: Causes;
  #calls: number;
  #lastCallMs = -Infinity;

  /** Goes on from what an earlier holder has recorded. */
  constructor({ progress: { calls, detail } }: OperationRecord) {
    this.#calls = calls;
    this.#causes = detail === "" ? {} : (JSON.parse(detail) as Causes);
  }

  get calls(): number {
    return this.#calls;
  }

  get causes(): Causes {
    return this.#causes;
  }

  get isEmpty(): boolean {
    return this.#chunks.size === 0;
  }

  /** A call is sent. Two requests in one call have the same time. */
  sent(sentWallMs: number): void {
    if (sentWallMs !== this.#lastCallMs) this.#calls++;
    this.#lastCallMs = sentWallMs;
  }

  /** `devices`: the length of the chunk. */
  note(chunk: number, devices: number, index: number, outcome: DeviceOutcome, isProvisional: boolean): void {
    let outcomes = this.#chunks.get(chunk);
    if (!outcomes) {
      outcomes = noOutcomes(devices);
      this.#chunks.set(chunk, outcomes);
    }
    setOutcome(outcomes, index, markOf(OUTCOMES.indexOf(outcome.kind), isProvisional), this.#textOf(outcome));
    if (isProvisional || !("failure" in outcome)) return;
    const { failure } = outcome;
    const cause = this.#causes[failure.kind] ?? { devices: 0, failure };
    cause.devices++;
    this.#causes[failure.kind] = cause;
  }

  /** Everything so far, to be stored now. */
  take(): ChunkOutcomes[] {
    const taken = [...this.#chunks].map(([chunk, outcomes]) => ({ chunk, outcomes }));
    this.#chunks = new Map(); // not cleared: see docs/adr/0021
    return taken;
  }

  #textOf(outcome: DeviceOutcome): string {
    const failure = failureOfOutcome(outcome);
    if (!failure) return "";
    const text = this.#texts.get(failure) ?? JSON.stringify(failure);
    this.#texts.set(failure, text);
    return text;
  }
}
