// Lists operations, and reads pages of results in steps: a few chunks are decoded at a time, so
// that the event loop is not held up.
import { type OperationRow, recordOf } from "../operation-row.js";
import { type ChosenResult, PAGE_CHUNKS, PageOfResults, type ResultsRow, STEP_CHUNKS } from "../results-page.js";
import { CHUNK_DEVICES, type ListQuery, type OperationRecord, type ResultsPage, type ResultsQuery } from "../store.js";
import { visibleOperation } from "./rows.js";
import type { Query } from "./transactions.js";

const MOST_STEP_CHUNKS = 16;

export async function listed(
  query: Query,
  { caller, done, after, most }: ListQuery,
): Promise<readonly OperationRecord[]> {
  const conditions = ["delete_ms IS NULL"];
  const values: unknown[] = [most];
  const value = (each: unknown) => `$${values.push(each)}`;
  if (caller !== undefined) conditions.push(`caller = ${value(caller)}`);
  if (done !== undefined) conditions.push(done ? "end_ms IS NOT NULL" : "end_ms IS NULL");
  if (after) conditions.push(`(create_ms, id) < (${value(after.createMs)}, ${value(after.id)})`);
  const rows = await query<OperationRow>(
    `SELECT * FROM ota_gateway.operation WHERE ${conditions.join(" AND ")} ORDER BY create_ms DESC, id DESC LIMIT $1`,
    ...values,
  );
  return rows.map(recordOf);
}

export async function results(query: Query, wanted: ResultsQuery): Promise<ResultsPage | undefined> {
  const operation = await visibleOperation(query, wanted.id);
  if (!operation) return undefined;
  const page = new PageOfResults(operation, wanted);
  // Not by the number of devices: chunks that were appended may be small.
  const [last] = await query<{ chunk: number | null }>(
    "SELECT max(chunk) AS chunk FROM ota_gateway.chunk WHERE operation = $1",
    wanted.id,
  );
  const chunks = (last?.chunk ?? -1) + 1;
  const end = Math.min(page.firstChunk + PAGE_CHUNKS, chunks);
  let step = STEP_CHUNKS;
  for (let first = page.firstChunk; first < end; first += step) {
    if (first > page.firstChunk) step = Math.min(2 * step, MOST_STEP_CHUNKS); // few of its devices were asked for
    const next = await readStep(query, page, wanted, first, Math.min(first + step, end));
    if (next !== undefined) return { results: page.results, next };
  }
  return { results: page.results, ...(end < chunks && { next: end * CHUNK_DEVICES }) };
}

/** Adds the results of some chunks. Returns where the next page starts if this one is full. */
async function readStep(query: Query, page: PageOfResults, { id, most }: ResultsQuery, first: number, end: number) {
  const rows = await query<ResultsRow>(
    `SELECT chunk, devices, outcomes, failures FROM ota_gateway.chunk
     WHERE operation = $1 AND chunk >= $2 AND chunk < $3 ORDER BY chunk`,
    ...[id, first, end],
  );
  const needed: { readonly chunk: number; readonly chosen: readonly ChosenResult[] }[] = [];
  let results = page.results.length;
  for (const row of rows) {
    if (results > most) break;
    const chosen = page.chosen(row);
    results += chosen.length;
    if (chosen.length > 0) needed.push({ chunk: row.chunk, chosen });
  }
  if (needed.length === 0) return undefined;
  const lists = await query<{ chunk: number; names: string }>(
    "SELECT chunk, names FROM ota_gateway.names WHERE operation = $1 AND chunk = ANY($2::integer[])",
    ...[id, needed.map(({ chunk }) => chunk)],
  );
  const names = new Map(lists.map((each) => [each.chunk, each.names]));
  for (const { chunk, chosen } of needed) {
    const next = page.add(chunk, chosen, (names.get(chunk) ?? "").split("\n"));
    if (next !== undefined) return next;
  }
  return undefined;
}
