// Deletes what is too old, a step in each transaction, and what its caller deletes: only what has
// ended. The key of a deleted operation is kept for the retention, so it is not run a second time.
import { type OperationRow, RETIRED_MS } from "../operation-row.js";
import type { StoreBounds, Swept } from "../store.js";
import { costOf, UPLOAD_ABANDONED_MS } from "../stored-uploads.js";
import type { SqliteConnection } from "./connection.js";
import { findVisible } from "./rows.js";
import type { StoreTime } from "./store-time.js";
import type { Uploads } from "./uploads.js";

/** Rows of names that one step of sweeping deletes: about two megabytes. */
const SWEPT_CHUNKS = 50;

export class Retention {
  readonly #connection: SqliteConnection;
  readonly #time: StoreTime;
  readonly #bounds: StoreBounds;
  readonly #uploads: Uploads;

  constructor(connection: SqliteConnection, time: StoreTime, bounds: StoreBounds, uploads: Uploads) {
    this.#connection = connection;
    this.#time = time;
    this.#bounds = bounds;
    this.#uploads = uploads;
  }

  remove(id: string): "removed" | "running" | "missing" {
    return this.#connection.write(() => {
      const row = findVisible(this.#connection, id);
      if (!row) return "missing";
      if (row.end_ms === null) return "running";
      this.#hide(row, this.#time.now());
      return "removed";
    });
  }

  sweep(): Swept {
    return this.#connection.write(() => {
      const nowMs = this.#time.now();
      const upload = this.#connection.row<{ id: string; devices: number }>(
        "SELECT id, devices FROM upload WHERE staged_ms <= ? LIMIT 1",
        nowMs - UPLOAD_ABANDONED_MS,
      );
      if (upload) {
        // Given up first: what is staged from now on is refused, and no part of it is published.
        this.#uploads.abandon(upload.id);
        if (!this.#deleteChunks(upload.id)) this.#uploads.abandon(upload.id);
        return "some";
      }
      const endedBefore = nowMs - this.#bounds.retentionMs;
      const old = this.#connection.row<OperationRow>(
        `SELECT * FROM operation WHERE end_ms <= ?1 AND coalesce(delete_ms, end_ms) <= ?1
         UNION ALL
         SELECT * FROM operation WHERE delete_ms IS NOT NULL AND EXISTS (SELECT 1 FROM chunk WHERE operation = id)
         LIMIT 1`,
        endedBefore,
      );
      if (!old) return "nothing";
      // Hidden first: pages of its results would have gaps.
      if (old.delete_ms === null) this.#hide(old, RETIRED_MS);
      if (this.#deleteChunks(old.id)) return "some";
      this.#connection.run("DELETE FROM operation WHERE id = ?", old.id);
      return (old.delete_ms ?? RETIRED_MS) === RETIRED_MS ? "operation" : "some";
    });
  }

  /** Only its key is left. */
  #hide({ id, devices }: OperationRow, deleteMs: number): void {
    this.#connection.run("UPDATE operation SET delete_ms = ? WHERE id = ?", deleteMs, id);
    this.#connection.storedDevices -= costOf(devices);
  }

  /** Deletes some chunks, and returns whether there were any. */
  #deleteChunks(id: string): boolean {
    const some = "operation = ? AND chunk IN (SELECT chunk FROM names WHERE operation = ? LIMIT ?)";
    this.#connection.run(`DELETE FROM chunk WHERE ${some}`, id, id, SWEPT_CHUNKS);
    return this.#connection.run(`DELETE FROM names WHERE ${some}`, id, id, SWEPT_CHUNKS).changes > 0;
  }
}
