// The store's methods on SQLite, synchronous: each is one transaction, and so one sync of the disk.
// Runs in the worker thread. Nobody else has the file open, which is why leases of an earlier
// process are void.
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { OUTCOMES } from "../../gateway/waiter.js";
import { type OperationRow, recordOf } from "../operation-row.js";
import {
  closeOutcomes,
  decodeOutcomes,
  encodeOutcomes,
  mergeOutcomes,
  noCounts,
  noOutcomes,
  type Outcomes,
  openDevices,
} from "../outcomes.js";
import {
  type ChunkOutcomes,
  type End,
  type FedChunk,
  type Feeding,
  LEAST_DEVICES,
  type Lease,
  type Leased,
  LeaseLost,
  type LeaseQuery,
  type ListQuery,
  type OperationRecord,
  type Progress,
  type Published,
  type ResultsPage,
  type ResultsQuery,
  type StoreBounds,
  StoreFull,
  StoreUnavailable,
  type Submission,
  UPLOAD_ABANDONED_MS,
} from "../store.js";
import { openFile } from "./open-file.js";
import { resultsOf } from "./results.js";
import { Statements } from "./statements.js";
import { StoreTime } from "./store-time.js";

/** Rows of names that one step of sweeping deletes: about two megabytes. */
const SWEPT_CHUNKS = 50;

/** Left free on the disk for what is stored already: an upload that filled it would stop everything. */
const DISK_RESERVE_BYTES = 16 << 20;

const UNKNOWN = OUTCOMES.indexOf("unknown");
const NOT_ATTEMPTED = OUTCOMES.indexOf("not-attempted");

export interface DatabaseOptions {
  /** A path, or `:memory:`. */
  readonly path: string;
  readonly bounds: StoreBounds;
  readonly wallNow: () => number;
  /** Monotonic. */
  readonly now: () => number;
}

interface ChunkRow {
  readonly chunk: number;
  readonly devices: number;
  readonly open: number;
  readonly fed: number;
  readonly outcomes: Uint8Array | null;
  readonly failures: string | null;
}

export class Database {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  readonly #bounds: StoreBounds;
  readonly #time: StoreTime;
  /** Undefined in memory. */
  readonly #folder: string | undefined;
  /** Counted once at the start, and kept up to date: nobody else writes. */
  #storedDevices: number;

  /** Throws StoreRefused. */
  constructor({ path, bounds, wallNow, now }: DatabaseOptions) {
    const { database, isCopy } = openFile(path);
    this.#database = database;
    this.#statements = new Statements(database);
    this.#bounds = bounds;
    this.#folder = path === ":memory:" ? undefined : dirname(path);
    const { last } = this.#row<{ last: number | null }>("SELECT max(update_ms) AS last FROM operation") ?? {
      last: null,
    };
    this.#time = new StoreTime(wallNow, now, last ?? 0);
    this.#write(() => {
      this.#run("UPDATE operation SET holder = NULL, lease_ms = NULL WHERE end_ms IS NULL AND holder IS NOT NULL");
      this.#run("UPDATE upload SET staged_ms = 0"); // all of them were broken off
      if (isCopy) this.#run("UPDATE operation SET held = 1 WHERE end_ms IS NULL");
    });
    const sum = `SELECT
      (SELECT coalesce(sum(max(devices, ${LEAST_DEVICES})), 0) FROM operation WHERE delete_ms IS NULL) +
      (SELECT coalesce(sum(max(devices, ${LEAST_DEVICES})), 0) FROM upload) AS devices`;
    this.#storedDevices = this.#row<{ devices: number }>(sum)?.devices ?? 0;
  }

  stage(id: string, chunk: number, names: readonly string[]): void {
    this.#write(() => {
      if (this.#isDiskShort()) throw new StoreFull("the disk of the store is almost full");
      const had = this.#uploadedDevices(id);
      const before = this.#row<ChunkRow>("SELECT * FROM chunk WHERE operation = ? AND chunk = ?", id, chunk);
      const devices = had + names.length - (before?.devices ?? 0);
      const cost = costOf(devices) - (had > 0 ? costOf(had) : 0);
      if (this.#storedDevices + cost > this.#bounds.devices)
        throw new StoreFull("the store holds as many devices as it may");
      this.#run("INSERT OR REPLACE INTO upload VALUES (?, ?, ?)", id, devices, this.#time.now());
      this.#run(
        "INSERT OR REPLACE INTO chunk (operation, chunk, devices, open) VALUES (?, ?, ?, ?)",
        ...[id, chunk, names.length, names.length],
      );
      this.#run("INSERT OR REPLACE INTO names VALUES (?, ?, ?)", id, chunk, names.join("\n"));
      this.#storedDevices += cost;
    });
  }

  publish(submission: Submission): Published {
    return this.#write(() => {
      const known = this.#knownAs(submission);
      if (known) {
        if (known.id !== submission.id) this.#abandon(submission.id);
        const isSame = known.fingerprint === submission.fingerprint && known.delete_ms === null;
        return isSame ? { kind: "existing", record: recordOf(known) } : { kind: "reused" };
      }
      const running = this.#row<{ n: number }>(
        "SELECT count(*) AS n FROM operation WHERE caller = ? AND end_ms IS NULL",
        submission.caller,
      );
      if ((running?.n ?? 0) >= this.#bounds.operationsPerCaller) {
        this.#abandon(submission.id);
        return { kind: "too-many" };
      }
      if (submission.devices === 0) this.#storedDevices += LEAST_DEVICES; // it has staged nothing
      const nowMs = this.#time.now();
      const { id, kind, caller, account, spec, requestId, fingerprint, devices, repeated, timeToLiveMs, detail } =
        submission;
      this.#run(
        `INSERT INTO operation (id, kind, caller, account, spec, request_id, fingerprint, state, create_ms, expire_ms,
           update_ms, devices, repeated, waiting, counts, calls, obstacle, remaining_ms, detail)
         VALUES (?, ?, ?, ?, ?, ?, ?, 'running', ?, ?, ?, ?, ?, ?, ?, 0, '', -1, ?)`,
        ...[id, kind, caller, account, spec, requestId, fingerprint, nowMs, nowMs + timeToLiveMs, nowMs],
        ...[devices, repeated, devices, JSON.stringify(noCounts()), detail],
      );
      this.#run("DELETE FROM upload WHERE id = ?", id);
      return { kind: "created", record: recordOf(this.#operation(id) as OperationRow) };
    });
  }

  discard(id: string): void {
    this.#write(() => this.#abandon(id));
  }

  get(id: string): OperationRecord | undefined {
    const row = this.#visible(id);
    return row && recordOf(row);
  }

  list({ caller, done, after, most }: ListQuery): readonly OperationRecord[] {
    const conditions = ["delete_ms IS NULL"];
    const values: SQLInputValue[] = [];
    if (caller !== undefined) {
      conditions.push("caller = ?");
      values.push(caller);
    }
    if (done !== undefined) conditions.push(done ? "end_ms IS NOT NULL" : "end_ms IS NULL");
    if (after) {
      conditions.push("(create_ms, id) < (?, ?)");
      values.push(after.createMs, after.id);
    }
    const query = `SELECT * FROM operation WHERE ${conditions.join(" AND ")} ORDER BY create_ms DESC, id DESC LIMIT ?`;
    return this.#rows<OperationRow>(query, ...values, most).map(recordOf);
  }

  results(query: ResultsQuery): ResultsPage | undefined {
    const operation = this.#visible(query.id);
    return operation && resultsOf(this.#statements, operation, query);
  }

  stop(id: string): OperationRecord | undefined {
    return this.#write(() => {
      this.#run(
        "UPDATE operation SET state = 'stopping', update_ms = ? WHERE id = ? AND state = 'running' AND delete_ms IS NULL",
        ...[this.#time.now(), id],
      );
      return this.get(id);
    });
  }

  remove(id: string): "removed" | "running" | "missing" {
    return this.#write(() => {
      const row = this.#visible(id);
      if (!row) return "missing";
      if (row.end_ms === null) return "running";
      this.#run("UPDATE operation SET delete_ms = ? WHERE id = ?", this.#time.now(), id);
      this.#storedDevices -= costOf(row.devices);
      return "removed";
    });
  }

  lease({ holder, kinds, accounts, most, leaseMs, graceMs }: LeaseQuery): readonly Leased[] {
    return this.#write(() => {
      const nowMs = this.#time.now();
      const free = this.#rows<OperationRow>(
        `SELECT * FROM operation WHERE end_ms IS NULL AND held = 0 AND (holder IS NULL OR lease_ms <= ?)
         ORDER BY create_ms, id`,
        nowMs,
      ).filter(
        ({ kind, account, expire_ms }) =>
          (kinds.includes(kind) && accounts.includes(account)) || expire_ms + graceMs <= nowMs,
      );
      return free.slice(0, most).map((row) => {
        const untilMs = nowMs + leaseMs;
        this.#run(
          "UPDATE operation SET holder = ?, epoch = epoch + 1, lease_ms = ? WHERE id = ?",
          ...[holder, untilMs, row.id],
        );
        return { lease: { id: row.id, epoch: row.epoch + 1 }, record: recordOf(row), nowMs, untilMs };
      });
    });
  }

  renew(holder: string, leases: readonly Lease[], leaseMs: number): readonly Leased[] {
    return this.#write(() => {
      const nowMs = this.#time.now();
      const untilMs = nowMs + leaseMs;
      return leases.flatMap((lease) => {
        const row = this.#operation(lease.id);
        if (!row || !isHeld(row, lease) || row.holder !== holder) return [];
        this.#run("UPDATE operation SET lease_ms = ? WHERE id = ?", untilMs, lease.id);
        return [{ lease, record: recordOf(row), nowMs, untilMs }];
      });
    });
  }

  release(leases: readonly Lease[]): void {
    this.#write(() => {
      for (const { id, epoch } of leases) {
        this.#run(
          "UPDATE operation SET holder = NULL, lease_ms = NULL WHERE id = ? AND epoch = ? AND end_ms IS NULL",
          ...[id, epoch],
        );
      }
    });
  }

  feed(lease: Lease, after: number): Feeding {
    return this.#write(() => {
      const operation = this.#leased(lease);
      if (operation.state === "stopping") return "stopping";
      const nowMs = this.#time.now();
      if (operation.expire_ms <= nowMs) return "expired";
      const found = this.#openChunk(lease.id, after);
      if (!found) return "none";
      if (!found.fedBefore) {
        this.#run("UPDATE chunk SET fed = 1 WHERE operation = ? AND chunk = ?", lease.id, found.chunk);
        this.#run(
          "UPDATE operation SET start_ms = coalesce(start_ms, ?), update_ms = ? WHERE id = ?",
          ...[nowMs, nowMs, lease.id],
        );
      }
      return found;
    });
  }

  peek(lease: Lease, after: number): FedChunk | undefined {
    this.#leased(lease);
    return this.#openChunk(lease.id, after);
  }

  record(lease: Lease, outcomes: readonly ChunkOutcomes[], progress: Progress): OperationRecord {
    return this.#write(() => {
      const operation = this.#leased(lease);
      const counts = JSON.parse(operation.counts) as number[];
      for (const { chunk, outcomes: added } of outcomes) {
        this.#change(lease.id, this.#chunk(lease.id, chunk), counts, (stored) => mergeOutcomes(stored, added));
      }
      const { calls, obstacle, remainingMs, detail } = progress;
      this.#run(
        `UPDATE operation SET counts = ?, waiting = devices - ?, calls = ?, obstacle = ?, remaining_ms = ?, detail = ?,
           update_ms = ? WHERE id = ?`,
        ...[JSON.stringify(counts), sumOf(counts), calls, obstacle, remainingMs, detail, this.#time.now(), lease.id],
      );
      return recordOf(this.#operation(lease.id) as OperationRow);
    });
  }

  end(lease: Lease, { state, failure, sent, unsent }: End): OperationRecord {
    return this.#write(() => {
      const operation = this.#leased(lease);
      const counts = JSON.parse(operation.counts) as number[];
      // Few, because only a window is fed at a time.
      const fed = this.#rows<ChunkRow>("SELECT * FROM chunk WHERE operation = ? AND open > 0 AND fed = 1", lease.id);
      for (const row of fed) this.#change(lease.id, row, counts, (stored) => closeOutcomes(stored, UNKNOWN, sent));
      counts[NOT_ATTEMPTED] = (counts[NOT_ATTEMPTED] ?? 0) + operation.devices - sumOf(counts);
      const nowMs = this.#time.now();
      this.#run(
        `UPDATE operation SET state = ?, end_ms = ?, update_ms = ?, counts = ?, waiting = 0, failure = ?, unsent = ?,
           obstacle = '', remaining_ms = -1, holder = NULL, lease_ms = NULL WHERE id = ?`,
        ...[state, nowMs, nowMs, JSON.stringify(counts), failure, unsent, lease.id],
      );
      return recordOf(this.#operation(lease.id) as OperationRow);
    });
  }

  sweep(): boolean {
    return this.#write(() => {
      const nowMs = this.#time.now();
      const upload = this.#row<{ id: string; devices: number }>(
        "SELECT id, devices FROM upload WHERE staged_ms <= ? LIMIT 1",
        nowMs - UPLOAD_ABANDONED_MS,
      );
      if (upload) {
        if (this.#deleteChunks(upload.id)) return true;
        this.#abandon(upload.id);
        return true;
      }
      const endedBefore = nowMs - this.#bounds.retentionMs;
      const old = this.#row<OperationRow>(
        `SELECT * FROM operation WHERE end_ms <= ?1 AND coalesce(delete_ms, end_ms) <= ?1
         UNION ALL
         SELECT * FROM operation WHERE delete_ms IS NOT NULL AND EXISTS (SELECT 1 FROM chunk WHERE operation = id)
         LIMIT 1`,
        endedBefore,
      );
      if (!old) return false;
      if (this.#deleteChunks(old.id)) return true;
      if (old.delete_ms === null) this.#storedDevices -= costOf(old.devices);
      this.#run("DELETE FROM operation WHERE id = ?", old.id);
      return true;
    });
  }

  resume(): number {
    return this.#write(() => Number(this.#run("UPDATE operation SET held = 0 WHERE held = 1").changes));
  }

  close(): void {
    this.#database.close();
  }

  /** Throws LeaseLost. */
  #leased(lease: Lease): OperationRow {
    const row = this.#operation(lease.id);
    if (!row || !isHeld(row, lease)) throw new LeaseLost("another holder has leased the operation, or it has ended");
    return row;
  }

  #operation(id: string): OperationRow | undefined {
    return this.#row<OperationRow>("SELECT * FROM operation WHERE id = ?", id);
  }

  #visible(id: string): OperationRow | undefined {
    const row = this.#operation(id);
    return row?.delete_ms === null ? row : undefined;
  }

  /** The operation that this submission has published before, or whose key it uses. */
  #knownAs({ id, caller, requestId }: Submission): OperationRow | undefined {
    const own = this.#operation(id);
    if (own || requestId === "") return own;
    return this.#row<OperationRow>("SELECT * FROM operation WHERE caller = ? AND request_id = ?", caller, requestId);
  }

  #openChunk(id: string, after: number): FedChunk | undefined {
    const row = this.#row<ChunkRow & { names: string }>(
      `SELECT chunk.*, names FROM chunk JOIN names USING (operation, chunk)
       WHERE operation = ? AND chunk > ? AND open > 0 ORDER BY chunk LIMIT 1`,
      ...[id, after],
    );
    if (!row) return undefined;
    return { chunk: row.chunk, names: row.names.split("\n"), outcomes: outcomesOf(row), fedBefore: row.fed === 1 };
  }

  #chunk(id: string, chunk: number): ChunkRow {
    const row = this.#row<ChunkRow>("SELECT * FROM chunk WHERE operation = ? AND chunk = ?", id, chunk);
    if (!row) throw new Error("outcomes were recorded for a chunk that does not exist");
    return row;
  }

  #change(id: string, row: ChunkRow, counts: number[], change: (stored: Outcomes) => readonly number[]): void {
    const outcomes = outcomesOf(row);
    for (const [kind, devices] of change(outcomes).entries()) counts[kind] = (counts[kind] ?? 0) + devices;
    this.#run(
      "UPDATE chunk SET outcomes = ?, failures = ?, open = ? WHERE operation = ? AND chunk = ?",
      ...[encodeOutcomes(outcomes), JSON.stringify(outcomes.failures), openDevices(outcomes), id, row.chunk],
    );
  }

  #isDiskShort(): boolean {
    if (this.#folder === undefined) return false;
    const { bavail, bsize } = statfsSync(this.#folder);
    return bavail * bsize < DISK_RESERVE_BYTES;
  }

  #uploadedDevices(id: string): number {
    return this.#row<{ devices: number }>("SELECT devices FROM upload WHERE id = ?", id)?.devices ?? 0;
  }

  /** Forgets an upload. What was staged is deleted by the sweep, in steps. */
  #abandon(id: string): void {
    const devices = this.#uploadedDevices(id);
    if (devices === 0) return;
    const isLeft = this.#row("SELECT 1 FROM chunk WHERE operation = ? LIMIT 1", id);
    if (isLeft) {
      this.#run("UPDATE upload SET staged_ms = 0 WHERE id = ?", id);
    } else {
      this.#run("DELETE FROM upload WHERE id = ?", id);
      this.#storedDevices -= costOf(devices);
    }
  }

  /** Deletes some chunks, and returns whether there were any. */
  #deleteChunks(id: string): boolean {
    const some = "operation = ? AND chunk IN (SELECT chunk FROM names WHERE operation = ? LIMIT ?)";
    this.#run(`DELETE FROM chunk WHERE ${some}`, id, id, SWEPT_CHUNKS);
    return this.#run(`DELETE FROM names WHERE ${some}`, id, id, SWEPT_CHUNKS).changes > 0;
  }

  /** One transaction. */
  #write<T>(work: () => T): T {
    if (this.#database.isTransaction) return work();
    this.#database.exec("BEGIN IMMEDIATE");
    const storedDevices = this.#storedDevices;
    try {
      const result = work();
      this.#commit();
      return result;
    } catch (error) {
      this.#storedDevices = storedDevices;
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** After a failed sync nobody can say what a crash would leave. */
  #commit(): void {
    try {
      this.#database.exec("COMMIT");
    } catch (error) {
      throw new StoreUnavailable(`the store of operations failed: ${(error as Error).message}`, { isUnknown: true });
    }
  }

  #run(sql: string, ...values: SQLInputValue[]) {
    return this.#statements.of(sql).run(...values);
  }

  #row<T = object>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.#statements.of(sql).get(...values) as T | undefined;
  }

  #rows<T>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.#statements.of(sql).all(...values) as T[];
  }
}

function isHeld(row: OperationRow, { epoch }: Lease): boolean {
  return row.epoch === epoch && row.holder !== null && row.end_ms === null;
}

function outcomesOf({ devices, outcomes, failures }: ChunkRow): Outcomes {
  return outcomes ? decodeOutcomes(outcomes, failures ?? "[]") : noOutcomes(devices);
}

function costOf(devices: number): number {
  return Math.max(devices, LEAST_DEVICES);
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, each) => sum + each, 0);
}
