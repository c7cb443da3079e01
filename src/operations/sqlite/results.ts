// Reads a page of results: names only of chunks that have results to return.
import type { OperationRow } from "../operation-row.js";
import { PAGE_CHUNKS, PageOfResults, type ResultsRow } from "../results-page.js";
import { CHUNK_DEVICES, type ResultsPage, type ResultsQuery } from "../store.js";
import type { Statements } from "./statements.js";

export function resultsOf(statements: Statements, operation: OperationRow, query: ResultsQuery): ResultsPage {
  const page = new PageOfResults(operation, query);
  const rows = statements
    .of("SELECT * FROM chunk WHERE operation = ? AND chunk >= ? ORDER BY chunk LIMIT ?")
    .all(operation.id, page.firstChunk, PAGE_CHUNKS + 1) as unknown as ResultsRow[];
  for (const row of rows.slice(0, PAGE_CHUNKS)) {
    const chosen = page.chosen(row);
    if (chosen.length === 0) continue;
    const next = page.add(row.chunk, chosen, namesOf(statements, operation.id, row.chunk));
    if (next !== undefined) return { results: page.results, next };
  }
  const beyond = rows[PAGE_CHUNKS];
  return { results: page.results, ...(beyond && { next: beyond.chunk * CHUNK_DEVICES }) };
}

function namesOf(statements: Statements, id: string, chunk: number): string[] {
  const row = statements.of("SELECT names FROM names WHERE operation = ? AND chunk = ?").get(id, chunk) as {
    names: string;
  };
  return row.names.split("\n");
}
