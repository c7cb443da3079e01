// Leases, by the time of the store. Each lease of an operation has an epoch of its own, and an
// earlier epoch holds nothing.
import { type OperationRow, recordOf } from "../operation-row.js";
import { type Lease, type Leased, LeaseLost, type LeaseQuery } from "../store.js";
import type { SqliteConnection } from "./connection.js";
import { findOperation } from "./rows.js";
import type { StoreTime } from "./store-time.js";

export class Leases {
  readonly #connection: SqliteConnection;
  readonly #time: StoreTime;

  constructor(connection: SqliteConnection, time: StoreTime) {
    this.#connection = connection;
    this.#time = time;
  }

  lease({ holder, kinds, accounts, most, leaseMs, graceMs, held }: LeaseQuery): readonly Leased[] {
    return this.#connection.write(() => {
      const nowMs = this.#time.now();
      const free = this.#connection
        .rows<OperationRow>(
          `SELECT * FROM operation WHERE end_ms IS NULL AND held = 0 AND (holder IS NULL OR lease_ms <= ?)
           ORDER BY create_ms, id`,
          nowMs,
        )
        .filter(
          ({ kind, account, expire_ms }) =>
            (kinds.includes(kind) && accounts.includes(account)) || expire_ms + graceMs <= nowMs,
        )
        .filter(({ id }) => !held.includes(id));
      return free.slice(0, most).map((row) => {
        const untilMs = nowMs + leaseMs;
        this.#connection.run(
          "UPDATE operation SET holder = ?, epoch = epoch + 1, lease_ms = ? WHERE id = ?",
          ...[holder, untilMs, row.id],
        );
        return { lease: { id: row.id, epoch: row.epoch + 1 }, record: recordOf(row), nowMs, untilMs };
      });
    });
  }

  renew(holder: string, leases: readonly Lease[], leaseMs: number): readonly Leased[] {
    return this.#connection.write(() => {
      const nowMs = this.#time.now();
      const untilMs = nowMs + leaseMs;
      return leases.flatMap((lease) => {
        const row = findOperation(this.#connection, lease.id);
        if (!row || !isHeld(row, lease) || row.holder !== holder) return [];
        this.#connection.run("UPDATE operation SET lease_ms = ? WHERE id = ?", untilMs, lease.id);
        return [{ lease, record: recordOf(row), nowMs, untilMs }];
      });
    });
  }

  release(leases: readonly Lease[]): void {
    this.#connection.write(() => {
      for (const { id, epoch } of leases) {
        this.#connection.run(
          "UPDATE operation SET holder = NULL, lease_ms = NULL WHERE id = ? AND epoch = ? AND end_ms IS NULL",
          ...[id, epoch],
        );
      }
    });
  }

  /** Leases of an earlier process are void: nobody else has the file open. */
  releaseAll(): void {
    this.#connection.run(
      "UPDATE operation SET holder = NULL, lease_ms = NULL WHERE end_ms IS NULL AND holder IS NOT NULL",
    );
  }

  /** The operation that is leased. Throws LeaseLost. */
  operationOf(lease: Lease): OperationRow {
    const row = findOperation(this.#connection, lease.id);
    if (!row || !isHeld(row, lease)) throw new LeaseLost("another holder has leased the operation, or it has ended");
    return row;
  }

  /**
   * The operation if it was ended under this lease. An operation that has ended is not leased
   * again.
   */
  endedBy({ id, epoch }: Lease): OperationRow | undefined {
    const row = findOperation(this.#connection, id);
    return row && row.end_ms !== null && row.epoch === epoch ? row : undefined;
  }
}

function isHeld(row: OperationRow, { epoch }: Lease): boolean {
  return row.epoch === epoch && row.holder !== null && row.end_ms === null;
}
