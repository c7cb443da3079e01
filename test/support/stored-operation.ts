// Submissions, names and outcomes for tests of stores of operations.
import { OUTCOMES } from "../../src/gateway/device-outcome.js";
import { markOf, noOutcomes, setOutcome } from "../../src/operations/outcomes.js";
import {
  CHUNK_DEVICES,
  type ChunkOutcomes,
  type FedChunk,
  type Feeding,
  type OperationRecord,
  type OperationStore,
  type Progress,
  type StoreBounds,
  type Submission,
} from "../../src/operations/store.js";

export const HOUR_MS = 3_600_000;

/** Bounds that a test reaches only if it means to. */
export const WIDE_BOUNDS: StoreBounds = { operationsPerCaller: 20, devices: 10_000_000, retentionMs: 24 * HOUR_MS };

/** A store, and its time. */
export interface StoreWorld {
  readonly store: OperationStore;
  /** Lets time pass for the store. */
  advance(ms: number): Promise<void>;
  close(): Promise<void>;
}

export const NO_PROGRESS: Progress = { calls: 0, obstacle: "", remainingMs: -1, detail: "" };

let ids = 0;

/** A new id, of 26 characters; later ones are greater. */
function newId(): string {
  return `01${String(++ids).padStart(24, "0")}`;
}

export function submissionOf(devices: number, part: Partial<Submission> = {}): Submission {
  return {
    id: newId(),
    kind: "cancel-list/1",
    caller: "fleet",
    account: "default",
    spec: "{}",
    requestId: "",
    fingerprint: "same",
    devices,
    repeated: 0,
    timeToLiveMs: HOUR_MS,
    detail: "",
    ...part,
  };
}

/** The names of one chunk of an operation with this many devices. */
export function namesOf(chunk: number, devices: number): string[] {
  const first = chunk * CHUNK_DEVICES;
  return Array.from({ length: Math.min(devices - first, CHUNK_DEVICES) }, (_, index) => `device-${first + index}`);
}

export async function stageAll(store: OperationStore, { id, devices }: Submission): Promise<void> {
  for (let chunk = 0; chunk * CHUNK_DEVICES < devices; chunk++) await store.stage(id, chunk, namesOf(chunk, devices));
}

/** Stores an operation. */
export async function submit(
  store: OperationStore,
  devices: number,
  part: Partial<Submission> = {},
): Promise<OperationRecord> {
  const submission = submissionOf(devices, part);
  await stageAll(store, submission);
  const published = await store.publish(submission);
  if (published.kind !== "created") throw new Error(`the operation was not created: ${published.kind}`);
  return published.record;
}

export const leaseQuery = (holder = "here") => ({
  holder,
  kinds: ["cancel-list/1"],
  accounts: ["default"],
  most: 100,
  leaseMs: 15_000,
  graceMs: 60_000,
  held: [],
});

/** Leases the one operation that is free. */
export async function leaseOne(store: OperationStore, holder?: string) {
  const [leased, ...others] = await store.lease(leaseQuery(holder));
  if (!leased || others.length > 0) throw new Error("there is not exactly one operation to lease");
  return leased.lease;
}

export function fed(feeding: Feeding): FedChunk {
  if (typeof feeding === "string") throw new Error(`nothing was fed: ${feeding}`);
  return feeding;
}

export interface SomeOutcome {
  readonly kind: (typeof OUTCOMES)[number];
  /** JSON. */
  readonly failure?: string;
  readonly provisional?: boolean;
}

/** Outcomes of some devices of a chunk, by index. */
export function outcomesOf(
  { chunk, names }: Pick<FedChunk, "chunk" | "names">,
  chosen: (index: number) => SomeOutcome | undefined,
): ChunkOutcomes {
  const outcomes = noOutcomes(names.length);
  for (let index = 0; index < names.length; index++) {
    const outcome = chosen(index);
    if (!outcome) continue;
    setOutcome(outcomes, index, markOf(OUTCOMES.indexOf(outcome.kind), outcome.provisional), outcome.failure ?? "");
  }
  return { chunk, outcomes };
}

/** Reads all pages. */
export async function allResults(store: OperationStore, id: string, { most = 1000, kinds = [] as number[] } = {}) {
  const results = [];
  for (let from: number | undefined = 0; from !== undefined; ) {
    const page = await store.results({ id, from, most, ...(kinds.length > 0 && { kinds }) });
    if (!page) return undefined;
    results.push(...page.results);
    from = page.next;
  }
  return results;
}
