// The reads and writes of the holder of a lease: chunks that are fed, their outcomes, and the end.
// Nothing is written without the lease, and each chunk is changed together with the counts.
import { type OperationRow, recordOf } from "../operation-row.js";
import type { Outcomes } from "../outcomes.js";
import type { AppendedChunk, ChunkOutcomes, End, Feeding, Lease, OperationRecord, Progress } from "../store.js";
import { columnsFor, countClosed, countMerged, countUnsent, outcomesIn, sumOf } from "../stored-outcomes.js";
import type { SqliteConnection } from "./connection.js";
import type { Leases } from "./leases.js";
import type { PackedChunk } from "./packed.js";
import { type ChunkRow, findOperation } from "./rows.js";
import type { StoreTime } from "./store-time.js";
import type { Uploads } from "./uploads.js";

export class LeasedWork {
  readonly #connection: SqliteConnection;
  readonly #time: StoreTime;
  readonly #leases: Leases;
  readonly #uploads: Pick<Uploads, "grow">;

  constructor(connection: SqliteConnection, time: StoreTime, leases: Leases, uploads: Pick<Uploads, "grow">) {
    this.#connection = connection;
    this.#time = time;
    this.#leases = leases;
    this.#uploads = uploads;
  }

  feed(lease: Lease, after: number): Feeding<PackedChunk> {
    return this.#connection.write(() => {
      const operation = this.#leases.operationOf(lease);
      if (operation.state === "stopping") return "stopping";
      const nowMs = this.#time.now();
      if (operation.expire_ms <= nowMs) return "expired";
      const found = this.#openChunk(lease.id, after);
      if (!found) return "none";
      if (!found.fedBefore) {
        this.#connection.run("UPDATE chunk SET fed = 1 WHERE operation = ? AND chunk = ?", lease.id, found.chunk);
        this.#connection.run(
          "UPDATE operation SET start_ms = coalesce(start_ms, ?), update_ms = ? WHERE id = ?",
          ...[nowMs, nowMs, lease.id],
        );
      }
      return found;
    });
  }

  peek(lease: Lease, after: number): PackedChunk | undefined {
    this.#leases.operationOf(lease);
    return this.#openChunk(lease.id, after);
  }

  record(lease: Lease, outcomes: readonly ChunkOutcomes[], progress: Progress): OperationRecord {
    return this.#connection.write(() => {
      return this.#store(this.#leases.operationOf(lease), outcomes, progress);
    });
  }

  append(lease: Lease, { chunk, names, outcomes }: AppendedChunk, progress: Progress): OperationRecord {
    return this.#connection.write(() => {
      const operation = this.#leases.operationOf(lease);
      const isKnown = this.#connection.row("SELECT 1 FROM chunk WHERE operation = ? AND chunk = ?", lease.id, chunk);
      if (isKnown) return this.#store(operation, [], progress);
      const devices = operation.devices + names.length;
      this.#uploads.grow(operation.devices, devices);
      this.#connection.run(
        "INSERT INTO chunk (operation, chunk, devices, open, fed) VALUES (?, ?, ?, 1, 1)",
        ...[lease.id, chunk, names.length],
      );
      this.#connection.run("INSERT INTO names VALUES (?, ?, ?)", lease.id, chunk, names.join("\n"));
      return this.#store({ ...operation, devices }, [{ chunk, outcomes }], progress);
    });
  }

  #store(
    operation: OperationRow,
    outcomes: readonly ChunkOutcomes[],
    { calls, obstacle, remainingMs: remaining_ms, detail }: Progress,
  ): OperationRecord {
    const { id, devices } = operation;
    const sums = JSON.parse(operation.counts) as number[];
    for (const { chunk, outcomes: added } of outcomes) {
      this.#change(id, this.#chunk(id, chunk), (stored) => countMerged(sums, stored, added));
    }
    const [counts, waiting, update_ms] = [JSON.stringify(sums), devices - sumOf(sums), this.#time.now()];
    this.#connection.run(
      `UPDATE operation SET devices = ?, counts = ?, waiting = ?, calls = ?, obstacle = ?, remaining_ms = ?, detail = ?,
         update_ms = ? WHERE id = ?`,
      ...[devices, counts, waiting, calls, obstacle, remaining_ms, detail, update_ms, id],
    );
    return recordOf({ ...operation, counts, waiting, calls, obstacle, remaining_ms, detail, update_ms });
  }

  end(lease: Lease, { state, failure, sent, unsent }: End): OperationRecord {
    return this.#connection.write(() => {
      const before = this.#leases.endedBy(lease);
      if (before) return recordOf(before);
      const operation = this.#leases.operationOf(lease);
      const counts = JSON.parse(operation.counts) as number[];
      // Few, because only a window is fed at a time.
      const fed = this.#connection.rows<ChunkRow>(
        "SELECT * FROM chunk WHERE operation = ? AND open > 0 AND fed = 1",
        lease.id,
      );
      for (const row of fed) this.#change(lease.id, row, (stored) => countClosed(counts, stored, sent));
      countUnsent(counts, operation.devices);
      const nowMs = this.#time.now();
      this.#connection.run(
        `UPDATE operation SET state = ?, end_ms = ?, update_ms = ?, counts = ?, waiting = 0, failure = ?, unsent = ?,
           obstacle = '', remaining_ms = -1, holder = NULL, lease_ms = NULL WHERE id = ?`,
        ...[state, nowMs, nowMs, JSON.stringify(counts), failure, unsent, lease.id],
      );
      return recordOf(findOperation(this.#connection, lease.id) as OperationRow);
    });
  }

  #openChunk(id: string, after: number): PackedChunk | undefined {
    const row = this.#connection.row<ChunkRow & { names: string }>(
      `SELECT chunk.*, names FROM chunk JOIN names USING (operation, chunk)
       WHERE operation = ? AND chunk > ? AND open > 0 ORDER BY chunk LIMIT 1`,
      ...[id, after],
    );
    if (!row) return undefined;
    return { chunk: row.chunk, names: row.names, outcomes: outcomesIn(row), fedBefore: row.fed === 1 };
  }

  #chunk(id: string, chunk: number): ChunkRow {
    const row = this.#connection.row<ChunkRow>("SELECT * FROM chunk WHERE operation = ? AND chunk = ?", id, chunk);
    if (!row) throw new Error("outcomes were recorded for a chunk that does not exist");
    return row;
  }

  #change(id: string, row: ChunkRow, change: (stored: Outcomes) => void): void {
    const stored = outcomesIn(row);
    change(stored);
    const { outcomes, failures, isOpen } = columnsFor(stored);
    this.#connection.run(
      "UPDATE chunk SET outcomes = ?, failures = ? WHERE operation = ? AND chunk = ?",
      ...[outcomes, failures, id, row.chunk],
    );
    // Apart, because it changes an index.
    if (!isOpen) this.#connection.run("UPDATE chunk SET open = 0 WHERE operation = ? AND chunk = ?", id, row.chunk);
  }
}
