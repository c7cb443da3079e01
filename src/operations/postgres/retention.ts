// Deletes what is too old, a step in each transaction, and what its caller deletes. Several
// gateways may sweep: each passes over what another is deleting.
import { RETIRED_MS } from "../operation-row.js";
import type { StoreBounds, Swept } from "../store.js";
import { UPLOAD_ABANDONED_MS } from "../stored-uploads.js";
import { lockOperation } from "./rows.js";
import type { Query } from "./transactions.js";
import { discard } from "./uploads.js";

/** Rows of names that one step deletes: about two megabytes. */
const STEP_CHUNKS = 50;

export async function sweep(query: Query, { retentionMs }: StoreBounds): Promise<Swept> {
  const [upload] = await query<{ id: string }>(
    "SELECT id FROM ota_gateway.upload WHERE staged_ms <= ota_gateway.now_ms() - $1::bigint LIMIT 1 FOR UPDATE SKIP LOCKED",
    UPLOAD_ABANDONED_MS,
  );
  if (upload) {
    await discard(query, upload.id);
    if (!(await deleteChunks(query, upload.id))) await query("DELETE FROM ota_gateway.upload WHERE id = $1", upload.id);
    return "some";
  }
  const [deleted] = await query<{ id: string }>(
    `SELECT id FROM ota_gateway.operation WHERE delete_ms IS NOT NULL
       AND EXISTS (SELECT FROM ota_gateway.chunk WHERE operation = id) LIMIT 1 FOR UPDATE SKIP LOCKED`,
  );
  if (deleted) {
    await deleteChunks(query, deleted.id);
    return "some";
  }
  const [old] = await query<{ id: string; delete_ms: number | null }>(
    `SELECT id, delete_ms FROM ota_gateway.operation
     WHERE greatest(end_ms, delete_ms) <= ota_gateway.now_ms() - $1::bigint AND end_ms IS NOT NULL
     LIMIT 1 FOR UPDATE SKIP LOCKED`,
    retentionMs,
  );
  if (!old) return "nothing";
  // Hidden first: pages of its results would have gaps.
  await query("UPDATE ota_gateway.operation SET delete_ms = coalesce(delete_ms, $2) WHERE id = $1", old.id, RETIRED_MS);
  if (await deleteChunks(query, old.id)) return "some";
  await query("DELETE FROM ota_gateway.operation WHERE id = $1", old.id);
  return (old.delete_ms ?? RETIRED_MS) === RETIRED_MS ? "operation" : "some";
}

export async function remove(query: Query, id: string): Promise<"removed" | "running" | "missing"> {
  const row = await lockOperation(query, id);
  if (!row || row.delete_ms !== null) return "missing";
  if (row.end_ms === null) return "running";
  await query("UPDATE ota_gateway.operation SET delete_ms = $2 WHERE id = $1", id, row.now_ms);
  return "removed";
}

/** Deletes some chunks, and returns whether there were any. */
async function deleteChunks(query: Query, id: string): Promise<boolean> {
  const deleted = await query(
    `WITH step AS MATERIALIZED (
       SELECT chunk FROM ota_gateway.names WHERE operation = $1 ORDER BY chunk LIMIT $2
     ), gone AS (
       DELETE FROM ota_gateway.chunk USING step WHERE operation = $1 AND chunk.chunk = step.chunk
     )
     DELETE FROM ota_gateway.names USING step WHERE operation = $1 AND names.chunk = step.chunk RETURNING names.chunk`,
    ...[id, STEP_CHUNKS],
  );
  return deleted.length > 0;
}
