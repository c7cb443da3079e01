// Reads a page of results: names only of chunks that have results to return.
import type { OperationRow } from "../operation-row.js";
import { PAGE_CHUNKS, PageOfResults, type ResultsRow, STEP_CHUNKS } from "../results-page.js";
import { CHUNK_DEVICES, type ResultsPage, type ResultsQuery } from "../store.js";
import type { SqliteConnection } from "./connection.js";

export function resultsOf(connection: SqliteConnection, operation: OperationRow, query: ResultsQuery): ResultsPage {
  const page = new PageOfResults(operation, query);
  const end = page.firstChunk + PAGE_CHUNKS;
  for (let first = page.firstChunk; first < end; first += STEP_CHUNKS) {
    const rows = connection.rows<ResultsRow>(
      "SELECT chunk, devices, outcomes, failures FROM chunk WHERE operation = ? AND chunk >= ? ORDER BY chunk LIMIT ?",
      ...[operation.id, first, STEP_CHUNKS],
    );
    for (const row of rows) {
      const chosen = page.chosen(row);
      if (chosen.length === 0) continue;
      const next = page.add(row.chunk, chosen, namesOf(connection, operation.id, row.chunk));
      if (next !== undefined) return { results: page.results, next };
    }
    if (rows.length < STEP_CHUNKS) return { results: page.results };
  }
  const beyond = connection.row("SELECT 1 FROM chunk WHERE operation = ? AND chunk >= ?", operation.id, end);
  return { results: page.results, ...(beyond && { next: end * CHUNK_DEVICES }) };
}

function namesOf(connection: SqliteConnection, id: string, chunk: number): string[] {
  const row = connection.row<{ names: string }>(
    "SELECT names FROM names WHERE operation = ? AND chunk = ?",
    ...[id, chunk],
  ) as { names: string };
  return row.names.split("\n");
}
