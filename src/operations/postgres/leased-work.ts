// The writes of the holder of a lease: chunks that are fed, their outcomes, and the end.
import { recordOf } from "../operation-row.js";
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
import { held, type LockedRow, lockedIn, lockOf, lockOperation, type StoredChunk, visibleOperation } from "./rows.js";
import { sql } from "./sql.js";
import type { Decision, Query, Transactions } from "./transactions.js";
import { storedDevices } from "./uploads.js";

export function feed(transactions: Transactions, lease: Lease, after: number): Promise<Feeding> {
  const { id } = lease;
  return transactions.exchange<Feeding>([lockOf(id), openChunkOf(id, after)], (locked, [row]) => {
    const { state, expire_ms, now_ms } = held(lockedIn(locked), lease);
    if (state === "stopping") return { writes: [], result: "stopping" };
    if (expire_ms <= now_ms) return { writes: [], result: "expired" };
    if (!row) return { writes: [], result: "none" };
    const found = fedChunkOf(row as OpenChunk);
    const writes = [
      sql`UPDATE ota_gateway.chunk SET fed = true WHERE operation = ${id} AND chunk = ${found.chunk}`,
      sql`UPDATE ota_gateway.operation SET start_ms = coalesce(start_ms, ${now_ms}), update_ms = ${now_ms}
        WHERE id = ${id}`,
    ];
    return { writes: found.fedBefore ? [] : writes, result: found };
  });
}

export async function peek(query: Query, lease: Lease, after: number): Promise<FedChunk | undefined> {
  held(await visibleOperation(query, lease.id), lease);
  const [found] = await query<OpenChunk>(openChunkOf(lease.id, after));
  return found && fedChunkOf(found);
}

export function record(
  transactions: Transactions,
  lease: Lease,
  outcomes: readonly ChunkOutcomes[],
  progress: Progress,
): Promise<OperationRecord> {
  const chunks = outcomes.map(({ chunk }) => chunk);
  // Two statements: the second sees what the last holder of the lock has changed.
  const reads = [
    lockOf(lease.id),
    sql`SELECT chunk, devices, outcomes, failures FROM ota_gateway.chunk
      WHERE operation = ${lease.id} AND chunk = ANY(${chunks})`,
  ];
  return transactions.exchange(reads, (locked, stored) =>
    recorded(held(lockedIn(locked), lease), stored as StoredChunk[], outcomes, progress),
  );
}

/** A chunk that was added before stays as it is. */
export async function append(
  query: Query,
  bounds: StoreBounds,
  lease: Lease,
  { chunk, names, outcomes }: AppendedChunk,
  progress: Progress,
): Promise<OperationRecord> {
  const operation = held(await lockOperation(query, lease.id), lease);
  const { id, devices } = operation;
  const [known] = await query("SELECT 1 FROM ota_gateway.chunk WHERE operation = $1 AND chunk = $2", id, chunk);
  if (known) return write(query, recorded(operation, [], [], progress));
  checkRoom(bounds, await storedDevices(query), costOf(devices + names.length) - costOf(devices));
  await query(
    "INSERT INTO ota_gateway.chunk (operation, chunk, devices, open, fed) VALUES ($1, $2, $3, 1, true)",
    ...[id, chunk, names.length],
  );
  await query(
    "INSERT INTO ota_gateway.names (operation, chunk, names) VALUES ($1, $2, $3)",
    ...[id, chunk, names.join("\n")],
  );
  await query("UPDATE ota_gateway.operation SET devices = devices + $2::bigint WHERE id = $1", id, names.length);
  const added = { chunk, devices: names.length, outcomes: null, failures: null };
  const grown = { ...operation, devices: devices + names.length };
  return write(query, recorded(grown, [added], [{ chunk, outcomes }], progress));
}

async function write<T>(query: Query, { writes, result }: Decision<T>): Promise<T> {
  for (const statement of writes) await query(statement);
  return result;
}

export function end(
  transactions: Transactions,
  lease: Lease,
  { state, failure, sent, unsent }: End,
): Promise<OperationRecord> {
  const { id } = lease;
  const reads = [
    lockOf(id),
    // Few, because only a window is fed at a time.
    sql`SELECT chunk, devices, outcomes, failures FROM ota_gateway.chunk WHERE operation = ${id} AND open > 0 AND fed`,
  ];
  return transactions.exchange(reads, (locked, fed) => {
    const row = lockedIn(locked);
    // Ended under this lease: the answer was lost. An operation that has ended is not leased again.
    if (row && row.end_ms !== null && row.epoch === lease.epoch) return { writes: [], result: recordOf(row) };
    const operation = held(row, lease);
    const now_ms = operation.now_ms;
    const counts = JSON.parse(operation.counts) as number[];
    const closed = new Map((fed as StoredChunk[]).map((row) => [row.chunk, outcomesIn(row)]));
    for (const outcomes of closed.values()) countClosed(counts, outcomes, sent);
    countUnsent(counts, operation.devices);
    const changes = {
      ...{ state, failure, unsent, end_ms: now_ms, update_ms: now_ms, counts: JSON.stringify(counts), waiting: 0 },
      ...{ obstacle: "", remaining_ms: -1 },
    };
    const writes = [
      ...changed(id, closed),
      sql`UPDATE ota_gateway.operation SET state = ${state}, end_ms = ${now_ms}, update_ms = ${now_ms},
        counts = ${changes.counts}, waiting = 0, failure = ${failure}, unsent = ${unsent}, obstacle = '',
        remaining_ms = -1, holder = NULL, lease_ms = NULL WHERE id = ${id}`,
    ];
    return { writes, result: recordOf({ ...operation, ...changes }) };
  });
}

/** Merges outcomes into chunks of an operation that is locked. */
function recorded(
  operation: LockedRow,
  chunks: readonly StoredChunk[],
  outcomes: readonly ChunkOutcomes[],
  { calls, obstacle, remainingMs: remaining_ms, detail }: Progress,
): Decision<OperationRecord> {
  const { id, devices, now_ms: update_ms } = operation;
  const stored = new Map(chunks.map((row) => [row.chunk, outcomesIn(row)]));
  const sums = JSON.parse(operation.counts) as number[];
  for (const { chunk, outcomes: added } of outcomes) {
    const before = stored.get(chunk);
    if (!before) throw new Error("outcomes were recorded for a chunk that does not exist");
    countMerged(sums, before, added);
  }
  const [counts, waiting] = [JSON.stringify(sums), devices - sumOf(sums)];
  const writes = [
    ...changed(id, stored),
    sql`UPDATE ota_gateway.operation SET counts = ${counts}, waiting = ${waiting}, calls = ${calls},
      obstacle = ${obstacle}, remaining_ms = ${remaining_ms}, detail = ${detail}, update_ms = ${update_ms}
      WHERE id = ${id}`,
  ];
  const changes = { counts, waiting, calls, obstacle, remaining_ms, detail, update_ms };
  return { writes, result: recordOf({ ...operation, ...changes }) };
}

/** Stores the outcomes of chunks. */
function changed(id: string, chunks: ReadonlyMap<number, Outcomes>): readonly string[] {
  return [...chunks].map(([chunk, all]) => {
    const { outcomes, failures, isOpen } = columnsFor(all);
    return sql`UPDATE ota_gateway.chunk SET outcomes = ${outcomes}, failures = ${failures}, open = ${isOpen ? 1 : 0}
      WHERE operation = ${id} AND chunk = ${chunk}`;
  });
}

interface OpenChunk extends StoredChunk {
  readonly fed: boolean;
  readonly names: string;
}

/** Selects an OpenChunk: the first after `after` that has devices without a final outcome. */
function openChunkOf(id: string, after: number): string {
  return sql`SELECT chunk, chunk.devices, outcomes, failures, fed, names FROM ota_gateway.chunk JOIN ota_gateway.names USING (operation, chunk)
    WHERE operation = ${id} AND chunk > ${after} AND open > 0 ORDER BY chunk LIMIT 1`;
}

function fedChunkOf(row: OpenChunk): FedChunk {
  return { chunk: row.chunk, names: row.names.split("\n"), outcomes: outcomesIn(row), fedBefore: row.fed };
}
