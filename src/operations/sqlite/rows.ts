// Rows as the store reads them. Of an operation that its caller has deleted only the row is left,
// for its key: it is found, but not visible.
import type { OperationRow } from "../operation-row.js";
import type { StoredOutcomes } from "../stored-outcomes.js";
import type { SqliteConnection } from "./connection.js";

export function findOperation(connection: SqliteConnection, id: string): OperationRow | undefined {
  return connection.row<OperationRow>("SELECT * FROM operation WHERE id = ?", id);
}

export function findVisible(connection: SqliteConnection, id: string): OperationRow | undefined {
  const row = findOperation(connection, id);
  return row?.delete_ms === null ? row : undefined;
}

export interface ChunkRow extends StoredOutcomes {
  readonly chunk: number;
  readonly open: number;
  readonly fed: number;
}
