// Uploads and their publication. Any gateway may give an upload up once it is too old. So what was
// staged is counted before it is published: an operation is stored with all its names, or not at
// all.
import { type OperationRow, recordOf } from "../operation-row.js";
import { noCounts } from "../outcomes.js";
import type { Published, StoreBounds, Submission } from "../store.js";
import {
  checkRoom,
  chunksOf,
  costOf,
  GIVEN_UP_MS,
  LEAST_DEVICES,
  type StoredUpload,
  stagedDevices,
  uploadGivenUp,
} from "../stored-uploads.js";
import type { Query } from "./transactions.js";

const STORED_DEVICES = `
  (SELECT coalesce(sum(greatest(devices, ${LEAST_DEVICES})), 0) FROM ota_gateway.operation WHERE delete_ms IS NULL) +
  (SELECT coalesce(sum(greatest(devices, ${LEAST_DEVICES})), 0) FROM ota_gateway.upload)`;

const UPLOAD = "SELECT devices, staged_ms FROM ota_gateway.upload WHERE id = $1 FOR UPDATE";

export async function storedDevices(query: Query): Promise<number> {
  const [sum] = await query<{ stored: number }>(`SELECT (${STORED_DEVICES})::bigint AS stored`);
  return sum?.stored ?? 0;
}

/** Uploads at the same moment may exceed the bound by the chunks that they stage at that moment. */
export async function stage(
  query: Query,
  bounds: StoreBounds,
  id: string,
  chunk: number,
  names: readonly string[],
): Promise<void> {
  const chunks = chunksOf(names);
  const [found] = await query<StoredUpload & { stored: number; before: number | null }>(
    `WITH upload AS MATERIALIZED (${UPLOAD})
     SELECT upload.*, (${STORED_DEVICES})::bigint AS stored,
       (SELECT sum(devices) FROM ota_gateway.chunk WHERE operation = $1 AND chunk >= $2 AND chunk < $3) AS before
     FROM (VALUES (1)) AS one LEFT JOIN upload ON true`,
    ...[id, chunk, chunk + chunks.length],
  );
  const had = stagedDevices(found);
  const devices = had + names.length - (found?.before ?? 0);
  const cost = costOf(devices) - (had > 0 ? costOf(had) : 0);
  checkRoom(bounds, found?.stored ?? 0, cost);
  await query(
    `WITH upload AS (
       INSERT INTO ota_gateway.upload (id, devices, staged_ms) VALUES ($1, $2, ota_gateway.now_ms())
       ON CONFLICT (id) DO UPDATE SET devices = excluded.devices, staged_ms = excluded.staged_ms
     ), list AS (
       SELECT * FROM unnest($3::integer[], $4::integer[], $5::text[]) AS list (chunk, devices, names)
     ), chunk AS (
       INSERT INTO ota_gateway.chunk (operation, chunk, devices, open) SELECT $1, chunk, devices, 1 FROM list
       ON CONFLICT (operation, chunk) DO UPDATE SET devices = excluded.devices
     )
     INSERT INTO ota_gateway.names (operation, chunk, names) SELECT $1, chunk, names FROM list
     ON CONFLICT (operation, chunk) DO UPDATE SET names = excluded.names`,
    ...[id, devices, chunks.map((_, nth) => chunk + nth)],
    ...[chunks.map((each) => each.devices), chunks.map((each) => each.names)],
  );
}

export async function publish(query: Query, bounds: StoreBounds, submission: Submission): Promise<Published> {
  const { id, caller } = submission;
  // One publication of a caller at a time: its key and its bound are looked at before the row is
  // there.
  await query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", caller);
  const known = await knownAs(query, submission);
  if (known) {
    if (known.id !== id) await discard(query, id);
    const isSame = known.fingerprint === submission.fingerprint && known.delete_ms === null;
    return isSame ? { kind: "existing", record: recordOf(known) } : { kind: "reused" };
  }
  const [running] = await query<{ n: number }>(
    "SELECT count(*) AS n FROM ota_gateway.operation WHERE caller = $1 AND end_ms IS NULL",
    caller,
  );
  if ((running?.n ?? 0) >= bounds.operationsPerCaller) {
    await discard(query, id);
    return { kind: "too-many" };
  }
  const [upload] = await query<StoredUpload>(UPLOAD, id);
  if (stagedDevices(upload) !== submission.devices) throw uploadGivenUp();
  await query("DELETE FROM ota_gateway.upload WHERE id = $1", id);
  return { kind: "created", record: await insert(query, submission) };
}

/** Forgets an upload. The sweep deletes its staged chunks, in steps. */
export async function discard(query: Query, id: string): Promise<void> {
  await query("UPDATE ota_gateway.upload SET staged_ms = $2 WHERE id = $1", id, GIVEN_UP_MS);
}

/** The operation that this submission has published before, or whose key it uses. */
async function knownAs(query: Query, { id, caller, requestId }: Submission): Promise<OperationRow | undefined> {
  const [row] = await query<OperationRow>(
    `SELECT * FROM ota_gateway.operation WHERE id = $1 OR (caller = $2 AND request_id = $3 AND request_id <> '')
     ORDER BY id = $1 DESC LIMIT 1`,
    ...[id, caller, requestId],
  );
  return row;
}

async function insert(query: Query, submission: Submission) {
  const { id, kind, caller, account, spec, requestId, fingerprint, devices, repeated, timeToLiveMs, detail } =
    submission;
  const [row] = await query<OperationRow>(
    `INSERT INTO ota_gateway.operation (id, kind, caller, account, spec, request_id, fingerprint, state, create_ms,
       expire_ms, update_ms, devices, repeated, waiting, counts, detail)
     SELECT $1, $2, $3, $4, $5, $6, $7, 'running', now_ms, now_ms + $8::bigint, now_ms, $9::bigint, $10::bigint,
       $9::bigint, $11, $12
     FROM ota_gateway.now_ms() AS now_ms RETURNING *`,
    ...[id, kind, caller, account, spec, requestId, fingerprint, timeToLiveMs, devices, repeated],
    ...[JSON.stringify(noCounts()), detail],
  );
  return recordOf(row as OperationRow);
}
