// Reads a page of results: names only of chunks that have results to return.
import type { OperationRow } from "../operation-row.js";
import { PAGE_CHUNKS, PageOfResults, type ResultsRow } from "../results-page.js";
import { CHUNK_DEVICES, type ResultsPage, type ResultsQuery } from "../store.js";
import type { SqliteConnection } from "./connection.js";

export function resultsOf(connection: SqliteConnection, operation: OperationRow, query: ResultsQuery): ResultsPage {
  const page = new PageOfResults(operation, query);
  const rows = connection.rows<ResultsRow>(
    "SELECT * FROM chunk WHERE operation = ? AND chunk >= ? ORDER BY chunk LIMIT ?",
    ...[operation.id, page.firstChunk, PAGE_CHUNKS + 1],
  );
  for (const row of rows.slice(0, PAGE_CHUNKS)) {
    const chosen = page.chosen(row);
    if (chosen.length === 0) continue;
    const next = page.add(row.chunk, chosen, namesOf(connection, operation.id, row.chunk));
    if (next !== undefined) return { results: page.results, next };
  }
  const beyond = rows[PAGE_CHUNKS];
  return { results: page.results, ...(beyond && { next: beyond.chunk * CHUNK_DEVICES }) };
}

function namesOf(connection: SqliteConnection, id: string, chunk: number): string[] {
  const row = connection.row<{ names: string }>(
    "SELECT names FROM names WHERE operation = ? AND chunk = ?",
    ...[id, chunk],
  ) as { names: string };
  return row.names.split("\n");
}
