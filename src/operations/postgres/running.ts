// What the holder of a lease writes: chunks that are fed, their outcomes, and the end.
import { type OperationRow, recordOf } from "../operation-row.js";
import type { Outcomes } from "../outcomes.js";
import type {
  AppendedChunk,
  ChunkOutcomes,
  End,
  FedChunk,
  Feeding,
  Lease,
  OperationRecord,
  Progress,
  StoreBounds,
} from "../store.js";
import { columnsFor, countClosed, countMerged, countUnsent, outcomesIn, sumOf } from "../stored-outcomes.js";
import { checkRoom, costOf } from "../stored-uploads.js";
import { held, lockLeased, type StoredChunk, visibleOperation } from "./rows.js";
import { storedDevices } from "./submitting.js";
import type { Query } from "./transactions.js";

export async function feed(query: Query, lease: Lease, after: number): Promise<Feeding> {
  const operation = await lockLeased(query, lease);
  if (operation.state === "stopping") return "stopping";
  if (operation.expire_ms <= operation.now_ms) return "expired";
  const found = await openChunk(query, lease.id, after);
  if (!found || found.fedBefore) return found ?? "none";
  await query("UPDATE ota_gateway.chunk SET fed = true WHERE operation = $1 AND chunk = $2", lease.id, found.chunk);
  await query(
    "UPDATE ota_gateway.operation SET start_ms = coalesce(start_ms, $2), update_ms = $2 WHERE id = $1",
    ...[lease.id, operation.now_ms],
  );
  return found;
}

export async function peek(query: Query, lease: Lease, after: number): Promise<FedChunk | undefined> {
  held(await visibleOperation(query, lease.id), lease);
  return openChunk(query, lease.id, after);
}

export async function record(
  query: Query,
  lease: Lease,
  outcomes: readonly ChunkOutcomes[],
  { calls, obstacle, remainingMs, detail }: Progress,
): Promise<OperationRecord> {
  const operation = await lockLeased(query, lease);
  const rows = await query<StoredChunk>(
    "SELECT * FROM ota_gateway.chunk WHERE operation = $1 AND chunk = ANY($2::integer[])",
    ...[lease.id, outcomes.map(({ chunk }) => chunk)],
  );
  const stored = new Map(rows.map((row) => [row.chunk, outcomesIn(row)]));
  const counts = JSON.parse(operation.counts) as number[];
  for (const { chunk, outcomes: added } of outcomes) {
    const before = stored.get(chunk);
    if (!before) throw new Error("outcomes were recorded for a chunk that does not exist");
    countMerged(counts, before, added);
  }
  const [row] = await query<OperationRow>(
    `WITH changed AS (${STORE})
     UPDATE ota_gateway.operation SET counts = $6, waiting = devices - $7::bigint, calls = $8, obstacle = $9,
       remaining_ms = $10, detail = $11, update_ms = $12 WHERE id = $1 RETURNING *`,
    ...[lease.id, ...columnsOf(stored), JSON.stringify(counts), sumOf(counts)],
    ...[calls, obstacle, remainingMs, detail, operation.now_ms],
  );
  return recordOf(row as OperationRow);
}

/** A chunk that was added before stays as it is. */
export async function append(
  query: Query,
  bounds: StoreBounds,
  lease: Lease,
  { chunk, names, outcomes }: AppendedChunk,
  progress: Progress,
): Promise<OperationRecord> {
  const { devices } = await lockLeased(query, lease);
  const [known] = await query("SELECT 1 FROM ota_gateway.chunk WHERE operation = $1 AND chunk = $2", lease.id, chunk);
  if (known) return record(query, lease, [], progress);
  checkRoom(bounds, await storedDevices(query), costOf(devices + names.length) - costOf(devices));
  await query(
    "INSERT INTO ota_gateway.chunk (operation, chunk, devices, open, fed) VALUES ($1, $2, $3, $3, true)",
    ...[lease.id, chunk, names.length],
  );
  await query(
    "INSERT INTO ota_gateway.names (operation, chunk, names) VALUES ($1, $2, $3)",
    ...[lease.id, chunk, names.join("\n")],
  );
  await query("UPDATE ota_gateway.operation SET devices = devices + $2::bigint WHERE id = $1", lease.id, names.length);
  return record(query, lease, [{ chunk, outcomes }], progress);
}

export async function end(query: Query, lease: Lease, { state, failure, sent, unsent }: End): Promise<OperationRecord> {
  const operation = await lockLeased(query, lease);
  const counts = JSON.parse(operation.counts) as number[];
  // Few, because only a window is fed at a time.
  const fed = await query<StoredChunk>(
    "SELECT * FROM ota_gateway.chunk WHERE operation = $1 AND open > 0 AND fed",
    lease.id,
  );
  const closed = new Map(fed.map((row) => [row.chunk, outcomesIn(row)]));
  for (const outcomes of closed.values()) countClosed(counts, outcomes, sent);
  countUnsent(counts, operation.devices);
  const [row] = await query<OperationRow>(
    `WITH changed AS (${STORE})
     UPDATE ota_gateway.operation SET state = $6, end_ms = $7, update_ms = $7, counts = $8, waiting = 0, failure = $9,
       unsent = $10, obstacle = '', remaining_ms = -1, holder = NULL, lease_ms = NULL WHERE id = $1 RETURNING *`,
    ...[lease.id, ...columnsOf(closed), state, operation.now_ms, JSON.stringify(counts), failure, unsent],
  );
  return recordOf(row as OperationRow);
}

async function openChunk(query: Query, id: string, after: number): Promise<FedChunk | undefined> {
  const [row] = await query<StoredChunk & { names: string }>(
    `SELECT chunk.*, names FROM ota_gateway.chunk JOIN ota_gateway.names USING (operation, chunk)
     WHERE operation = $1 AND chunk > $2 AND open > 0 ORDER BY chunk LIMIT 1`,
    ...[id, after],
  );
  if (!row) return undefined;
  return { chunk: row.chunk, names: row.names.split("\n"), outcomes: outcomesIn(row), fedBefore: row.fed };
}

/** Stores the outcomes of chunks. Its parameters: the operation, and `columnsOf` the chunks. */
const STORE = `
  UPDATE ota_gateway.chunk SET outcomes = changed.outcomes, failures = changed.failures, open = changed.open
  FROM unnest($2::integer[], $3::bytea[], $4::text[], $5::integer[]) AS changed (chunk, outcomes, failures, open)
  WHERE operation = $1 AND chunk.chunk = changed.chunk`;

function columnsOf(chunks: ReadonlyMap<number, Outcomes>): readonly unknown[] {
  const columns = [...chunks.values()].map(columnsFor);
  return [
    [...chunks.keys()],
    columns.map(({ outcomes }) => Buffer.from(outcomes)),
    columns.map(({ failures }) => failures),
    columns.map(({ open }) => open),
  ];
}
