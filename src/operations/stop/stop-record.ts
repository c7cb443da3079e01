// Stores a stop while it runs: its detail, its progress, and the results of devices. A write that
// failed changes nothing here, so that it can be repeated.
import type { DeviceOutcome } from "../../gateway/device-outcome.js";
import type { StopMachine } from "../../rollout/stop-machine.js";
import {
  type AppendedChunk,
  CHUNK_DEVICES,
  type Leased,
  type OperationRecord,
  type OperationStore,
  type Progress,
  StoreFull,
} from "../store.js";
import { StopResults } from "./stop-results.js";
import { type StopDetail, type StopReport, stopDetailOf } from "./stop-spec.js";

export interface StopRecordOptions {
  readonly store: Pick<OperationStore, "record" | "append" | "peek" | "results">;
  readonly leased: Leased;
  readonly progress: () => Pick<Progress, "calls" | "obstacle">;
  /** The plan has been stored. */
  readonly planned: (record: OperationRecord) => void;
}

/** Devices that are read at a time of those that an earlier holder has stored. */
const RECALLED_AT_A_TIME = 10_000;

export class StopRecord {
  readonly #options: StopRecordOptions;
  readonly #results: StopResults;
  #record: OperationRecord;
  #detail: StopDetail;
  #isRecalled: boolean;
  /** A chunk that may be stored: the answer was lost. */
  #unsure: { readonly jobId: string; readonly chunk: AppendedChunk } | undefined;
  /** Whether something is known that is not stored. */
  hasNews = true;

  constructor(options: StopRecordOptions) {
    this.#options = options;
    const { record, nowMs } = options.leased;
    this.#record = record;
    this.#detail = stopDetailOf(record.progress.detail) ?? {
      ...{ startMs: nowMs, step: "plan", isPlanned: false, batches: [] },
      ...{ chunks: [], chunkJobs: [], listed: { list: 0, page: 1 }, isTruncated: false },
    };
    this.#isRecalled = this.#detail.chunks.length === 0;
    this.#results = new StopResults(this.#detail);
  }

  get detail(): StopDetail {
    return this.#detail;
  }

  /** As it is stored. */
  get obstacle(): string {
    return this.#record.progress.obstacle;
  }

  note(jobId: string, name: string, outcome: DeviceOutcome): void {
    this.#results.note(jobId, name, outcome);
    this.hasNews = true;
  }

  /** Stores how far the machine is, and the outcomes so far. */
  async save(machine: StopMachine): Promise<void> {
    await this.#makeSure();
    const before = this.#detail;
    const { step } = machine;
    const isPlanned = before.isPlanned || (step !== "plan" && step !== "done");
    await this.#store(before.report ? before : { ...before, step, isPlanned, batches: machine.batches() });
    if (!before.isPlanned && this.#detail.isPlanned) this.#options.planned(this.#record);
  }

  async report(report: StopReport, batches: StopDetail["batches"]): Promise<void> {
    await this.#makeSure();
    await this.#store({ ...this.#detail, step: "done", isPlanned: true, batches, report });
  }

  /**
   * Stores devices that have no result yet, before they are sent; `changes` to the detail with
   * them.
   */
  async append(
    jobId: string,
    names: readonly string[],
    outcome?: DeviceOutcome,
    changes: Partial<StopDetail> = {},
  ): Promise<void> {
    if (!this.#isRecalled) await this.#recall();
    await this.#makeSure();
    const chunk = this.#results.chunkOf(jobId, names, outcome);
    if (chunk) await this.#add({ jobId, chunk }, changes);
    else this.#detail = { ...this.#detail, ...changes };
  }

  /** Nothing more is appended or noted for these batches. */
  forget(jobIds: Iterable<string>): void {
    this.#results.forget(jobIds);
  }

  /** The last that is stored before the end. */
  async complete(isTruncated: boolean): Promise<void> {
    await this.#makeSure();
    this.#results.settleUnsent();
    await this.#store({ ...this.#detail, isTruncated: this.#detail.isTruncated || isTruncated });
  }

  /** Learns which devices earlier holders have stored, so that none is listed twice. */
  async #recall(): Promise<void> {
    const { store, leased } = this.#options;
    const { lease } = leased;
    for (let from: number | undefined = 0; from !== undefined; ) {
      const page = await store.results({ id: lease.id, from, most: RECALLED_AT_A_TIME });
      for (const { position, name } of page?.results ?? []) {
        this.#results.recallFinal(Math.floor(position / CHUNK_DEVICES), name);
      }
      from = page?.next;
    }
    for (let open = await store.peek(lease, -1); open; open = await store.peek(lease, open.chunk)) {
      this.#results.recall(open);
    }
    this.#isRecalled = true;
  }

  /**
   * Otherwise the detail would be stored without a chunk that is stored, and the next holder would
   * give its number to another.
   */
  async #makeSure(): Promise<void> {
    if (this.#unsure) await this.#add(this.#unsure, {});
  }

  async #add(added: { readonly jobId: string; readonly chunk: AppendedChunk }, changes: Partial<StopDetail>) {
    const { store, leased } = this.#options;
    const { jobId, chunk } = added;
    const detail = { ...this.#detail, ...changes };
    const grown = { ...detail, ...this.#results.withChunkOf(jobId) };
    // Until it is known to be stored or not, its number belongs to no other chunk.
    this.#unsure = added;
    try {
      this.#record = await store.append(leased.lease, chunk, this.#progressOf(grown));
      this.#results.added(jobId, chunk);
      this.#detail = grown;
    } catch (error) {
      // A full store does not hold up a stop.
      if (!(error instanceof StoreFull)) throw error;
      this.#detail = { ...detail, isTruncated: true };
    }
    this.#unsure = undefined;
  }

  async #store(detail: StopDetail): Promise<void> {
    const { store, leased } = this.#options;
    const outcomes = this.#results.take();
    this.hasNews = false;
    try {
      this.#record = await store.record(leased.lease, outcomes, this.#progressOf(detail));
      this.#detail = detail;
    } catch (error) {
      this.#results.putBack(outcomes);
      this.hasNews = true;
      throw error;
    }
  }

  #progressOf(detail: StopDetail): Progress {
    return { ...this.#options.progress(), remainingMs: -1, detail: JSON.stringify(detail) };
  }
}
