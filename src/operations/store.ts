// The seam to the store of operations: what is kept, and what each write promises. Implementations:
// sqlite/ and postgres/. One contract suite runs over each (test/contract/operation-store).
import type { Outcomes } from "./outcomes.js";

/**
 * Devices of a chunk; the last chunk of an operation may have fewer. A list is stored, fed and
 * recorded by chunks, so an operation of a million devices is 500 rows.
 */
export const CHUNK_DEVICES = 2000;

/** States, as they are stored. Operations in the last three have ended. */
export type OperationState = "running" | "stopping" | "done" | "stopped" | "expired";

/** The state of an operation; one snapshot. All times are the store's, in epoch ms. */
export interface OperationRecord {
  /** 26 characters of Crockford's base 32: a ULID. */
  readonly id: string;
  /**
   * The kind of work, and how `spec` is written, such as `cancel-list/1`. A replica leases only
   * operations whose kind it knows.
   */
  readonly kind: string;
  readonly caller: string;
  /** The configured account; a replica leases only operations of accounts that it has. */
  readonly account: string;
  /** JSON that the store does not look into. */
  readonly spec: string;
  readonly state: OperationState;
  readonly createMs: number;
  /** When its first chunk was fed. */
  readonly startMs?: number;
  readonly endMs?: number;
  readonly expireMs: number;
  /** When anything of it was last written. */
  readonly updateMs: number;
  /** Distinct devices; of an operation that finds its devices as it runs, those found so far. */
  readonly devices: number;
  readonly repeated: number;
  /** Devices without a final outcome. */
  readonly waiting: number;
  /** Devices by final outcome, in the order of OUTCOMES in gateway/device-outcome.ts. */
  readonly counts: readonly number[];
  readonly progress: Progress;
  /** JSON, as `end` was given it. Empty if the operation has not ended, or ended well. */
  readonly failure: string;
  /** It was found in a restored copy of the store, and waits for `resume`. */
  readonly held: boolean;
}

/** The report of the holder of the lease; written as a whole, so repeating does no harm. */
export interface Progress {
  /** Upstream calls so far, over all holders. */
  readonly calls: number;
  /** Why nothing goes on at the moment; empty if nothing is in the way. */
  readonly obstacle: string;
  /** Expected time until it is done, a whole number; -1 if it is not known. */
  readonly remainingMs: number;
  /** JSON of the kind's own, which the store does not look into. */
  readonly detail: string;
}

/** An operation that is to be published. */
export interface Submission {
  readonly id: string;
  readonly kind: string;
  readonly caller: string;
  readonly account: string;
  readonly spec: string;
  /** The caller's idempotency key; empty for none. */
  readonly requestId: string;
  /** Equal for submissions that ask for the same: the normalized spec and the set of names. */
  readonly fingerprint: string;
  /** The sum over the chunks that were staged under `id`. */
  readonly devices: number;
  readonly repeated: number;
  /** `expireMs` is the store's time of publishing plus this. */
  readonly timeToLiveMs: number;
  readonly detail: string;
}

export type Published =
  | { readonly kind: "created" | "existing"; readonly record: OperationRecord }
  /** The key belongs to another submission, or to an operation that was deleted. */
  | { readonly kind: "reused" }
  /** The caller has as many operations that have not ended as it may have. */
  | { readonly kind: "too-many" };

/** The right to work on an operation. */
export interface Lease {
  readonly id: string;
  /** Increases by one each time the operation is leased. */
  readonly epoch: number;
}

export interface Leased {
  readonly lease: Lease;
  readonly record: OperationRecord;
  /**
   * The store's time when the lease was granted. With `expireMs` and the lease's end it gives
   * durations, which the holder measures by its own clock from before the request.
   */
  readonly nowMs: number;
  readonly untilMs: number;
}

export interface LeaseQuery {
  /** The name of this process; unique, and new for each start. */
  readonly holder: string;
  readonly kinds: readonly string[];
  readonly accounts: readonly string[];
  /** The most operations to lease; oldest first. */
  readonly most: number;
  readonly leaseMs: number;
  /** How long after its `expireMs` an operation may be leased whatever its kind and account. */
  readonly graceMs: number;
  /**
   * Operations that this process works on: they are renewed, and not leased a second time, even if
   * their leases have ended by the store's clock.
   */
  readonly held: readonly string[];
}

/** A chunk with devices that have no final outcome. */
export interface FedChunk {
  /** Counts from 0. */
  readonly chunk: number;
  readonly names: readonly string[];
  readonly outcomes: Outcomes;
  /**
   * Whether it had been fed before this call, by this holder or another: devices without an outcome
   * may have been sent.
   */
  readonly fedBefore: boolean;
}

/**
 * The answer to `feed`: a chunk, or why there is none. `none`: no device is without an outcome.
 * `expired`: by the store's clock, its `expireMs` has passed.
 */
export type Feeding<Chunk = FedChunk> = Chunk | "none" | "stopping" | "expired";

/** New outcomes of devices of one chunk. */
export interface ChunkOutcomes {
  readonly chunk: number;
  /** As long as the chunk. Devices without a new outcome have none. */
  readonly outcomes: Outcomes;
}

/** Devices that an operation has found. They count as fed. */
export interface AppendedChunk {
  /** The number of the chunk: one more than the last. */
  readonly chunk: number;
  /** At most CHUNK_DEVICES. */
  readonly names: readonly string[];
  readonly outcomes: Outcomes;
}

/** How an operation ends. */
export interface End {
  readonly state: "done" | "stopped" | "expired";
  /** JSON; empty if it ended well. */
  readonly failure: string;
  /**
   * JSON of the failure of devices without an outcome: `sent` of chunks that were fed (their
   * outcome is unknown), `unsent` of those that were not (not attempted).
   */
  readonly sent: string;
  readonly unsent: string;
}

export interface ListQuery {
  /** Only operations of this caller; absent for those of all callers. */
  readonly caller?: string;
  /** Only operations that have ended, or only those that have not. */
  readonly done?: boolean;
  /** Only operations after this one in the list. */
  readonly after?: { readonly createMs: number; readonly id: string };
  readonly most: number;
}

export interface ResultsQuery {
  readonly id: string;
  /** Position in the list to start at: chunk * CHUNK_DEVICES + index in the chunk. */
  readonly from: number;
  /** Final outcomes to return, as indexes of OUTCOMES; absent for all. */
  readonly kinds?: readonly number[];
  readonly most: number;
}

/** One device with a final outcome. */
export interface StoredResult {
  readonly position: number;
  readonly name: string;
  /** Index of OUTCOMES. */
  readonly kind: number;
  /** JSON; empty if there is nothing to explain. */
  readonly failure: string;
}

export interface ResultsPage {
  readonly results: readonly StoredResult[];
  /** Where the next page starts; absent after the last one. */
  readonly next?: number;
}

/** Bounds that the store enforces, from the settings. */
export interface StoreBounds {
  readonly operationsPerCaller: number;
  /** Devices of all operations and uploads, as `costOf` in stored-uploads.ts counts them. */
  readonly devices: number;
  readonly retentionMs: number;
}

/**
 * `operation`: the last of an operation whose retention is over. `some`: anything else. After these
 * two, more may be left.
 */
export type Swept = "operation" | "some" | "nothing";

/**
 * Invariants, whatever dies at whatever moment:
 * 1. An operation is stored completely, with all its names, or not at all.
 * 2. A device gets one final outcome, which never changes. `devices` is the sum of `waiting` and
 *    `counts` in every record that is returned.
 * 3. Every write for an operation that runs carries its lease, and does nothing if another holder
 *    has leased the operation since (LeaseLost).
 * 4. Repeating a call whose end is unknown does no harm.
 *
 * All methods reject with StoreUnavailable if the store cannot be reached or written, after at most
 * a few seconds. None of them holds up the event loop for more than some milliseconds.
 */
export interface OperationStore {
  /** Whether what it has acknowledged survives the process. */
  readonly durable: boolean;
  /**
   * Whether other processes may run operations of this store. If not, nobody has to look for them.
   */
  readonly shared: boolean;

  // Submitting. `id` is that of the later operation. Nobody sees what is staged.

  /**
   * Stores some chunks of an upload in one commit, from this one on. All chunks but the last of the
   * upload have CHUNK_DEVICES names; they are numbered from 0. Rejects with StoreFull beyond the
   * bound of stored devices.
   */
  stage(id: string, chunk: number, names: readonly string[]): Promise<void>;
  /**
   * Publishes the operation with everything staged under its id, in one commit. Unless it was
   * `created`, what was staged is discarded. Rejects with StoreUnavailable, with `isUnknown` if the
   * operation may have been published.
   */
  publish(submission: Submission): Promise<Published>;
  /** Deletes what was staged. */
  discard(id: string): Promise<void>;

  // Reading.

  get(id: string): Promise<OperationRecord | undefined>;
  /** Newest first: by `createMs`, then by id, both descending. */
  list(query: ListQuery): Promise<readonly OperationRecord[]>;
  /**
   * Devices with a final outcome, in the order of the list. A page may have fewer than `most`
   * results although more follow: it ends after some chunks, and near 256 KiB of text. Undefined if
   * there is no such operation.
   */
  results(query: ResultsQuery): Promise<ResultsPage | undefined>;

  // Callers' wishes.

  /** Makes a running operation `stopping`; any other stays as it is. Undefined if there is none. */
  stop(id: string): Promise<OperationRecord | undefined>;
  /**
   * Deletes an operation that has ended, with its names. Its key is remembered for the retention.
   */
  remove(id: string): Promise<"removed" | "running" | "missing">;

  // Running.

  /**
   * Leases operations that have not ended, are not held, and that nobody else holds.
   */
  lease(query: LeaseQuery): Promise<readonly Leased[]>;
  /**
   * Prolongs leases, and returns those that are still held with the current record: it says
   * `stopping` after `stop`. A lease that has ended but was not taken by another may be renewed.
   */
  renew(holder: string, leases: readonly Lease[], leaseMs: number): Promise<readonly Leased[]>;
  /** Lets others lease the operations at once. Leases that are lost are ignored. */
  release(leases: readonly Lease[]): Promise<void>;
  /**
   * Marks the first chunk after `after` that has devices without a final outcome as fed, and
   * returns it. -1 starts with the first chunk. Rejects with LeaseLost.
   */
  feed(lease: Lease, after: number): Promise<Feeding>;
  /**
   * The same chunk without marking it, whatever the state of the operation. Rejects with LeaseLost.
   */
  peek(lease: Lease, after: number): Promise<FedChunk | undefined>;
  /**
   * Stores new outcomes and the progress, in one commit. A device that has a final outcome keeps
   * it. Rejects with LeaseLost.
   */
  record(lease: Lease, outcomes: readonly ChunkOutcomes[], progress: Progress): Promise<OperationRecord>;
  /**
   * Adds a chunk to the operation and stores the progress, in one commit. A chunk that was added
   * before stays as it is. Rejects with LeaseLost, and with StoreFull beyond the bound of stored
   * devices.
   */
  append(lease: Lease, added: AppendedChunk, progress: Progress): Promise<OperationRecord>;
  /**
   * Ends the operation, in a time that does not depend on its size. Provisional outcomes become
   * final, and devices without one get theirs by `end`: those of chunks that were fed at once, and
   * those of other chunks when they are read. If it was ended under this lease before, nothing
   * changes, and the record is returned. Rejects with LeaseLost.
   */
  end(lease: Lease, end: End): Promise<OperationRecord>;

  // Housekeeping.

  /**
   * Deletes some of what is too old: ended operations, keys of deleted ones, and uploads that were
   * broken off.
   */
  sweep(): Promise<Swept>;
  /** Devices of all operations and uploads, as StoreBounds counts them. */
  storedDevices(): Promise<number>;
  /** Lets operations run that were found in a restored copy, and returns how many. */
  resume(): Promise<number>;
  /** Waits for calls under way, and releases everything. */
  close(): Promise<void>;
}

/** The store cannot be reached or written at the moment. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
  /** Whether the write may have been carried out. */
  readonly isUnknown: boolean;

  constructor(message: string, { isUnknown = false, cause }: { isUnknown?: boolean; cause?: unknown } = {}) {
    super(message, { cause });
    this.isUnknown = isUnknown;
  }
}

/** The bound of stored devices is reached. */
export class StoreFull extends Error {
  override readonly name = "StoreFull";
}

/** Another holder has leased the operation, or it has ended. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

/** Opening failed for a reason that does not pass by itself; the text says what to do. */
export class StoreRefused extends Error {
  override readonly name = "StoreRefused";
}
