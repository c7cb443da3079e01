// The store's methods on SQLite, synchronous: each is one transaction, and so one sync of the disk.
// Runs in the worker thread. Nobody else has the file open, which is why leases of an earlier
// process are void.
import { dirname } from "node:path";
import { recordOf } from "../operation-row.js";
import type {
  AppendedChunk,
  ChunkOutcomes,
  End,
  Feeding,
  Lease,
  Leased,
  LeaseQuery,
  ListQuery,
  OperationRecord,
  Progress,
  Published,
  ResultsQuery,
  StoreBounds,
  Submission,
  Swept,
} from "../store.js";
import type { ChunkNames } from "../stored-uploads.js";
import { SqliteConnection } from "./connection.js";
import { LeasedWork } from "./leased-work.js";
import { Leases } from "./leases.js";
import { listOperations } from "./listing.js";
import { openFile } from "./open-file.js";
import { type PackedChunk, type PackedPage, packedPage } from "./packed.js";
import { resultsOf } from "./results.js";
import { Retention } from "./retention.js";
import { findVisible } from "./rows.js";
import { StoreTime } from "./store-time.js";
import { Uploads } from "./uploads.js";

export interface DatabaseOptions {
  /** A path, or `:memory:`. */
  readonly path: string;
  readonly bounds: StoreBounds;
  readonly wallNow: () => number;
  /** Monotonic. */
  readonly now: () => number;
}

export class Database {
  readonly #connection: SqliteConnection;
  readonly #time: StoreTime;
  readonly #uploads: Uploads;
  readonly #leases: Leases;
  readonly #work: LeasedWork;
  readonly #retention: Retention;

  /** Throws StoreRefused. */
  constructor({ path, bounds, wallNow, now }: DatabaseOptions) {
    const connection = new SqliteConnection(openFile(path));
    const latest = connection.row<{ last: number | null }>("SELECT max(update_ms) AS last FROM operation");
    this.#connection = connection;
    this.#time = new StoreTime(wallNow, now, latest?.last ?? 0);
    this.#uploads = new Uploads(connection, this.#time, bounds, path === ":memory:" ? undefined : dirname(path));
    this.#leases = new Leases(connection, this.#time);
    this.#work = new LeasedWork(connection, this.#time, this.#leases, this.#uploads);
    this.#retention = new Retention(connection, this.#time, bounds, this.#uploads);
    connection.write(() => {
      this.#leases.releaseAll();
      this.#uploads.abandonAll();
    });
  }

  stage(id: string, chunk: number, chunks: readonly ChunkNames[]): void {
    this.#uploads.stage(id, chunk, chunks);
  }

  publish(submission: Submission): Published {
    return this.#uploads.publish(submission);
  }

  discard(id: string): void {
    this.#uploads.abandon(id);
  }

  get(id: string): OperationRecord | undefined {
    const row = findVisible(this.#connection, id);
    return row && recordOf(row);
  }

  list(query: ListQuery): readonly OperationRecord[] {
    return listOperations(this.#connection, query);
  }

  results(query: ResultsQuery): PackedPage | undefined {
    const operation = findVisible(this.#connection, query.id);
    return operation && packedPage(resultsOf(this.#connection, operation, query));
  }

  stop(id: string): OperationRecord | undefined {
    return this.#connection.write(() => {
      this.#connection.run(
        "UPDATE operation SET state = 'stopping', update_ms = ? WHERE id = ? AND state = 'running' AND delete_ms IS NULL",
        ...[this.#time.now(), id],
      );
      return this.get(id);
    });
  }

  remove(id: string): "removed" | "running" | "missing" {
    return this.#retention.remove(id);
  }

  lease(query: LeaseQuery): readonly Leased[] {
    return this.#leases.lease(query);
  }

  renew(holder: string, leases: readonly Lease[], leaseMs: number): readonly Leased[] {
    return this.#leases.renew(holder, leases, leaseMs);
  }

  release(leases: readonly Lease[]): void {
    this.#leases.release(leases);
  }

  feed(lease: Lease, after: number): Feeding<PackedChunk> {
    return this.#work.feed(lease, after);
  }

  peek(lease: Lease, after: number): PackedChunk | undefined {
    return this.#work.peek(lease, after);
  }

  record(lease: Lease, outcomes: readonly ChunkOutcomes[], progress: Progress): OperationRecord {
    return this.#work.record(lease, outcomes, progress);
  }

  append(lease: Lease, added: AppendedChunk, progress: Progress): OperationRecord {
    return this.#work.append(lease, added, progress);
  }

  end(lease: Lease, end: End): OperationRecord {
    return this.#work.end(lease, end);
  }

  sweep(): Swept {
    return this.#retention.sweep();
  }

  storedDevices(): number {
    return this.#connection.storedDevices;
  }

  resume(): number {
    return this.#connection.write(() =>
      Number(this.#connection.run("UPDATE operation SET held = 0 WHERE held = 1").changes),
    );
  }

  close(): void {
    this.#connection.close();
  }
}
