// Uploads and their publication: what was staged counts against the bound of the store until it is
// deleted. The sweep may give an upload up that is only slow, so what was staged is counted before
// it is published: an operation is stored with all its names, or not at all.
import { statfsSync } from "node:fs";
import { type OperationRow, recordOf } from "../operation-row.js";
import { noCounts } from "../outcomes.js";
import { type Published, type StoreBounds, StoreFull, type Submission } from "../store.js";
import {
  type ChunkNames,
  checkRoom,
  costOf,
  GIVEN_UP_MS,
  LEAST_DEVICES,
  type StoredUpload,
  stagedDevices,
  uploadGivenUp,
} from "../stored-uploads.js";
import type { SqliteConnection } from "./connection.js";
import { findOperation } from "./rows.js";
import type { StoreTime } from "./store-time.js";

/**
 * Left free on the disk for what is stored already: an upload that filled it would stop everything.
 */
const DISK_RESERVE_BYTES = 16 << 20;

export class Uploads {
  readonly #connection: SqliteConnection;
  readonly #time: StoreTime;
  readonly #bounds: StoreBounds;
  readonly #folder: string | undefined;

  /** `folder`: where the file is; undefined in memory. */
  constructor(connection: SqliteConnection, time: StoreTime, bounds: StoreBounds, folder: string | undefined) {
    this.#connection = connection;
    this.#time = time;
    this.#bounds = bounds;
    this.#folder = folder;
  }

  stage(id: string, chunk: number, chunks: readonly ChunkNames[]): void {
    const connection = this.#connection;
    const added = chunks.reduce((sum, { devices }) => sum + devices, 0);
    connection.write(() => {
      if (this.#isDiskShort()) throw new StoreFull("the disk of the store is almost full");
      const had = stagedDevices(this.#upload(id));
      const before = connection.row<{ devices: number }>(
        "SELECT coalesce(sum(devices), 0) AS devices FROM chunk WHERE operation = ? AND chunk >= ? AND chunk < ?",
        ...[id, chunk, chunk + chunks.length],
      );
      const devices = had + added - (before?.devices ?? 0);
      const cost = costOf(devices) - (had > 0 ? costOf(had) : 0);
      checkRoom(this.#bounds, connection.storedDevices, cost);
      connection.run("INSERT OR REPLACE INTO upload VALUES (?, ?, ?)", id, devices, this.#time.now());
      for (const [nth, { devices, names }] of chunks.entries()) {
        connection.run(
          "INSERT OR REPLACE INTO chunk (operation, chunk, devices, open) VALUES (?, ?, ?, 1)",
          ...[id, chunk + nth, devices],
        );
        connection.run("INSERT OR REPLACE INTO names VALUES (?, ?, ?)", id, chunk + nth, names);
      }
      connection.storedDevices += cost;
    });
  }

  /** An operation gets more devices. Throws StoreFull. */
  grow(had: number, devices: number): void {
    if (this.#isDiskShort()) throw new StoreFull("the disk of the store is almost full");
    const cost = costOf(devices) - costOf(had);
    checkRoom(this.#bounds, this.#connection.storedDevices, cost);
    this.#connection.storedDevices += cost;
  }

  publish(submission: Submission): Published {
    return this.#connection.write(() => {
      const known = this.#knownAs(submission);
      if (known) {
        if (known.id !== submission.id) this.abandon(submission.id);
        const isSame = known.fingerprint === submission.fingerprint && known.delete_ms === null;
        return isSame ? { kind: "existing", record: recordOf(known) } : { kind: "reused" };
      }
      const running = this.#connection.row<{ n: number }>(
        "SELECT count(*) AS n FROM operation WHERE caller = ? AND end_ms IS NULL",
        submission.caller,
      );
      if ((running?.n ?? 0) >= this.#bounds.operationsPerCaller) {
        this.abandon(submission.id);
        return { kind: "too-many" };
      }
      if (stagedDevices(this.#upload(submission.id)) !== submission.devices) throw uploadGivenUp();
      return { kind: "created", record: recordOf(this.#insert(submission)) };
    });
  }

  /** Forgets an upload. The sweep deletes its staged chunks, in steps. */
  abandon(id: string): void {
    this.#connection.write(() => {
      const upload = this.#upload(id);
      if (!upload) return;
      const isLeft = this.#connection.row("SELECT 1 FROM chunk WHERE operation = ? LIMIT 1", id);
      if (isLeft) {
        this.#connection.run("UPDATE upload SET staged_ms = ? WHERE id = ?", GIVEN_UP_MS, id);
      } else {
        this.#connection.run("DELETE FROM upload WHERE id = ?", id);
        this.#connection.storedDevices -= costOf(upload.devices ?? 0);
      }
    });
  }

  /** Those of an earlier process were broken off. */
  abandonAll(): void {
    this.#connection.run("UPDATE upload SET staged_ms = ?", GIVEN_UP_MS);
  }

  /** The upload becomes an operation. */
  #insert(submission: Submission): OperationRow {
    const connection = this.#connection;
    if (submission.devices === 0) connection.storedDevices += LEAST_DEVICES; // it has staged nothing
    const nowMs = this.#time.now();
    const { id, kind, caller, account, spec, requestId, fingerprint, devices, repeated, timeToLiveMs, detail } =
      submission;
    connection.run(
      `INSERT INTO operation (id, kind, caller, account, spec, request_id, fingerprint, state, create_ms, expire_ms,
         update_ms, devices, repeated, waiting, counts, calls, obstacle, remaining_ms, detail)
       VALUES (?, ?, ?, ?, ?, ?, ?, 'running', ?, ?, ?, ?, ?, ?, ?, 0, '', -1, ?)`,
      ...[id, kind, caller, account, spec, requestId, fingerprint, nowMs, nowMs + timeToLiveMs, nowMs],
      ...[devices, repeated, devices, JSON.stringify(noCounts()), detail],
    );
    connection.run("DELETE FROM upload WHERE id = ?", id);
    return findOperation(connection, id) as OperationRow;
  }

  /** The operation that this submission has published before, or whose key it uses. */
  #knownAs({ id, caller, requestId }: Submission): OperationRow | undefined {
    const own = findOperation(this.#connection, id);
    if (own || requestId === "") return own;
    return this.#connection.row<OperationRow>(
      "SELECT * FROM operation WHERE caller = ? AND request_id = ?",
      ...[caller, requestId],
    );
  }

  #isDiskShort(): boolean {
    if (this.#folder === undefined) return false;
    const { bavail, bsize } = statfsSync(this.#folder);
    return bavail * bsize < DISK_RESERVE_BYTES;
  }

  #upload(id: string): StoredUpload | undefined {
    return this.#connection.row<StoredUpload>("SELECT devices, staged_ms FROM upload WHERE id = ?", id);
  }
}
