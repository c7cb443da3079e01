// Reads a page of results: chunk by chunk in the order of the list, names only of chunks that have
// results to return.
import { OUTCOMES } from "../../gateway/waiter.js";
import { decodeOutcomes, failureAt, isFinal, kindOfMark } from "../outcomes.js";
import { CHUNK_DEVICES, type ResultsPage, type ResultsQuery, type StoredResult } from "../store.js";
import type { OperationRow } from "./rows.js";
import type { Statements } from "./statements.js";

/** Chunks that one page looks at, so that a rare outcome does not hold up other calls. */
const MOST_CHUNKS = 200;

/** A page ends when its names and failures reach this length. */
const MOST_CHARACTERS = 1 << 20;

const NOT_ATTEMPTED = OUTCOMES.indexOf("not-attempted");

interface ChunkRow {
  readonly chunk: number;
  readonly devices: number;
  readonly outcomes: Uint8Array | null;
  readonly failures: string | null;
}

export function resultsOf(statements: Statements, operation: OperationRow, query: ResultsQuery): ResultsPage {
  const { from, most } = query;
  const first = Math.floor(from / CHUNK_DEVICES);
  const rows = statements
    .of("SELECT * FROM chunk WHERE operation = ? AND chunk >= ? ORDER BY chunk LIMIT ?")
    .all(operation.id, first, MOST_CHUNKS + 1) as unknown as ChunkRow[];
  const results: StoredResult[] = [];
  let characters = 0;
  for (const row of rows.slice(0, MOST_CHUNKS)) {
    const start = row.chunk * CHUNK_DEVICES;
    const found = chosen(row, operation, query, Math.max(from - start, 0));
    if (found.length === 0) continue;
    const names = namesOf(statements, operation.id, row.chunk);
    for (const { index, kind, failure } of found) {
      const position = start + index;
      const name = names[index] as string;
      characters += name.length + failure.length;
      if (results.length === most || (characters > MOST_CHARACTERS && results.length > 0)) {
        return { results, next: position };
      }
      results.push({ position, name, kind, failure });
    }
  }
  const beyond = rows[MOST_CHUNKS];
  return beyond ? { results, next: beyond.chunk * CHUNK_DEVICES } : { results };
}

interface Found {
  readonly index: number;
  readonly kind: number;
  readonly failure: string;
}

function chosen(
  { devices, outcomes, failures }: ChunkRow,
  operation: OperationRow,
  query: ResultsQuery,
  from: number,
): Found[] {
  const { kinds, most } = query;
  const found: Found[] = [];
  if (!outcomes) {
    // Never fed. If the operation has ended, its end says what became of them.
    if (operation.end_ms === null || (kinds && !kinds.includes(NOT_ATTEMPTED))) return found;
    for (let index = from; index < devices && found.length <= most; index++) {
      found.push({ index, kind: NOT_ATTEMPTED, failure: operation.unsent });
    }
    return found;
  }
  const stored = decodeOutcomes(outcomes, failures ?? "[]");
  for (let index = from; index < devices && found.length <= most; index++) {
    const mark = stored.marks[index] as number;
    const kind = kindOfMark(mark);
    if (isFinal(mark) && (!kinds || kinds.includes(kind)))
      found.push({ index, kind, failure: failureAt(stored, index) });
  }
  return found;
}

function namesOf(statements: Statements, id: string, chunk: number): string[] {
  const row = statements.of("SELECT names FROM names WHERE operation = ? AND chunk = ?").get(id, chunk) as {
    names: string;
  };
  return row.names.split("\n");
}
