// Rows as the store reads them, and the row of an operation under its lock: all that is written for
// an operation is written by the holder of its lease, who looks at the lease under this lock.
import type { OperationRow } from "../operation-row.js";
import { type Lease, LeaseLost } from "../store.js";
import type { StoredOutcomes } from "../stored-outcomes.js";
import type { Query } from "./transactions.js";

export interface LockedRow extends OperationRow {
  /**
   * The store's time, read after the lock was granted. It never goes back for an operation, also if
   * the server's clock does.
   */
  readonly now_ms: number;
}

export async function lockOperation(query: Query, id: string): Promise<LockedRow | undefined> {
  const [row] = await query<LockedRow>(
    `WITH locked AS MATERIALIZED (SELECT * FROM ota_gateway.operation WHERE id = $1 FOR UPDATE)
     SELECT locked.*, greatest(ota_gateway.now_ms(), update_ms) AS now_ms FROM locked`,
    id,
  );
  return row;
}

/** Rejects with LeaseLost. */
export async function lockLeased(query: Query, lease: Lease): Promise<LockedRow> {
  return held(await lockOperation(query, lease.id), lease);
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
  readonly fed: boolean;
}
