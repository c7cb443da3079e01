// Rows as the store reads them, and the row of an operation under its lock: all that is written for
// an operation is written by the holder of its lease, who looks at the lease under this lock.
import type { OperationRow } from "../operation-row.js";
import { type Lease, LeaseLost } from "../store.js";
import type { StoredOutcomes } from "../stored-outcomes.js";
import { sql } from "./sql.js";
import type { Query } from "./transactions.js";

export interface LockedRow extends OperationRow {
  /**
   * The store's time, read after the lock was granted. It never goes back for an operation, also if
   * the server's clock does.
   */
  readonly now_ms: number;
}

/**
 * Locks the row of an operation, and selects it as `lockedIn` reads it: the driver takes longer for
 * the columns of a row than for a document.
 */
export function lockOf(id: string): string {
  return sql`WITH locked AS MATERIALIZED (SELECT * FROM ota_gateway.operation WHERE id = ${id} FOR UPDATE)
    SELECT row_to_json(found) AS found
    FROM (SELECT locked.*, greatest(ota_gateway.now_ms(), update_ms) AS now_ms FROM locked) AS found`;
}

export function lockedIn(rows: readonly object[]): LockedRow | undefined {
  return (rows[0] as { readonly found: LockedRow } | undefined)?.found;
}

export async function lockOperation(query: Query, id: string): Promise<LockedRow | undefined> {
  return lockedIn(await query(lockOf(id)));
}

/** Throws LeaseLost. */
export function held<Row extends OperationRow>(row: Row | undefined, { epoch }: Lease): Row {
  if (row?.epoch === epoch && row.holder !== null && row.end_ms === null) return row;
  throw new LeaseLost("another holder has leased the operation, or it has ended");
}

/** An operation that its caller has not deleted. */
export async function visibleOperation(query: Query, id: string): Promise<OperationRow | undefined> {
  const [row] = await query<OperationRow>(
    "SELECT * FROM ota_gateway.operation WHERE id = $1 AND delete_ms IS NULL",
    id,
  );
  return row;
}

export interface StoredChunk extends StoredOutcomes {
  readonly chunk: number;
}
