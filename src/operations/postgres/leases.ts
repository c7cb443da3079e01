// Leases, by the server's clock alone. An operation that another transaction has locked is passed
// over: its holder is writing at this moment.
import { type OperationRow, recordOf } from "../operation-row.js";
import type { Lease, Leased, LeaseQuery } from "../store.js";
import type { Query } from "./transactions.js";

/**
 * A lease that ends later than a lease can, by this much, was granted before the server's clock was
 * set back. It is free, or a dead holder would keep its operation for as long.
 */
const STEP_BACK_MS = 60_000;

type LeasedRow = OperationRow & { readonly now_ms: number };

export async function lease(query: Query, wanted: LeaseQuery): Promise<readonly Leased[]> {
  const { holder, kinds, accounts, most, leaseMs, graceMs, held } = wanted;
  const rows = await query<LeasedRow>(
    `WITH clock AS MATERIALIZED (SELECT ota_gateway.now_ms() AS now_ms), free AS MATERIALIZED (
       SELECT operation.id, clock.now_ms FROM ota_gateway.operation, clock
       WHERE end_ms IS NULL AND NOT held AND (holder IS NULL OR lease_ms <= clock.now_ms OR lease_ms > clock.now_ms + $6::bigint + ${STEP_BACK_MS})
         AND ((kind = ANY($2::text[]) AND account = ANY($3::text[])) OR expire_ms + $4::bigint <= clock.now_ms)
         AND operation.id <> ALL($7::text[])
       ORDER BY create_ms, operation.id LIMIT $5 FOR UPDATE OF operation SKIP LOCKED
     )
     UPDATE ota_gateway.operation SET holder = $1, epoch = epoch + 1, lease_ms = free.now_ms + $6::bigint
     FROM free WHERE operation.id = free.id RETURNING operation.*, free.now_ms`,
    ...[holder, kinds, accounts, graceMs, most, leaseMs, held],
  );
  return rows.map(leasedOf).sort((a, b) => a.record.createMs - b.record.createMs || (a.lease.id < b.lease.id ? -1 : 1));
}

export async function renew(
  query: Query,
  holder: string,
  leases: readonly Lease[],
  leaseMs: number,
): Promise<readonly Leased[]> {
  const rows = await query<LeasedRow>(
    `WITH clock AS MATERIALIZED (SELECT ota_gateway.now_ms() AS now_ms)
     UPDATE ota_gateway.operation SET lease_ms = clock.now_ms + $4::bigint
     FROM clock, unnest($2::text[], $3::bigint[]) AS own (id, epoch)
     WHERE operation.id = own.id AND operation.epoch = own.epoch AND holder = $1 AND end_ms IS NULL
     RETURNING operation.*, clock.now_ms`,
    ...[holder, leases.map(({ id }) => id), leases.map(({ epoch }) => epoch), leaseMs],
  );
  return rows.map(leasedOf);
}

export async function release(query: Query, leases: readonly Lease[]): Promise<void> {
  await query(
    `UPDATE ota_gateway.operation SET holder = NULL, lease_ms = NULL
     FROM unnest($1::text[], $2::bigint[]) AS own (id, epoch)
     WHERE operation.id = own.id AND operation.epoch = own.epoch AND end_ms IS NULL`,
    ...[leases.map(({ id }) => id), leases.map(({ epoch }) => epoch)],
  );
}

/**
 * Its end is counted from the time when the statement began, so waiting for a lock shortens it. The
 * time does not go back for an operation, or it would expire late.
 */
function leasedOf(row: LeasedRow): Leased {
  const { id, epoch, lease_ms, now_ms } = row;
  const nowMs = Math.max(now_ms, row.update_ms);
  return { lease: { id, epoch }, record: recordOf(row), nowMs, untilMs: nowMs + ((lease_ms as number) - now_ms) };
}
