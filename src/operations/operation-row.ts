// The row of an operation in both databases, and the record that it becomes.
import type { OperationRecord, OperationState } from "./store.js";

/** A row of the table `operation`. */
export interface OperationRow {
  readonly id: string;
  readonly kind: string;
  readonly caller: string;
  readonly account: string;
  readonly spec: string;
  readonly request_id: string;
  readonly fingerprint: string;
  readonly state: OperationState;
  readonly create_ms: number;
  readonly start_ms: number | null;
  readonly end_ms: number | null;
  readonly expire_ms: number;
  readonly update_ms: number;
  /** Set if the caller has deleted it: only its key is left. Or RETIRED_MS. */
  readonly delete_ms: number | null;
  readonly devices: number;
  readonly repeated: number;
  readonly waiting: number;
  readonly counts: string;
  readonly calls: number;
  readonly obstacle: string;
  readonly remaining_ms: number;
  readonly detail: string;
  readonly failure: string;
  /** The failure of devices in chunks that were never fed, of an operation that has ended. */
  readonly unsent: string;
  /** SQLite has no boolean. */
  readonly held: boolean | number;
  readonly holder: string | null;
  readonly epoch: number;
  readonly lease_ms: number | null;
}

/** Set as the time of deletion once the retention is over, and the names are being deleted. */
export const RETIRED_MS = 0;

export function recordOf(row: OperationRow): OperationRecord {
  return {
    id: row.id,
    kind: row.kind,
    caller: row.caller,
    account: row.account,
    spec: row.spec,
    state: row.state,
    createMs: row.create_ms,
    ...(row.start_ms !== null && { startMs: row.start_ms }),
    ...(row.end_ms !== null && { endMs: row.end_ms }),
    expireMs: row.expire_ms,
    updateMs: row.update_ms,
    devices: row.devices,
    repeated: row.repeated,
    waiting: row.waiting,
    counts: JSON.parse(row.counts) as number[],
    progress: { calls: row.calls, obstacle: row.obstacle, remainingMs: row.remaining_ms, detail: row.detail },
    failure: row.failure,
    held: Boolean(row.held),
  };
}
