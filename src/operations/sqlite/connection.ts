// The one connection to the file: prepared statements, and transactions that take effect as a whole
// or not at all, the count of stored devices included.
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { StoreUnavailable } from "../store.js";
import { LEAST_DEVICES } from "../stored-uploads.js";
import { Statements } from "./statements.js";

export class SqliteConnection {
  /**
   * Devices of all operations and uploads; each counts as LEAST_DEVICES at least. Counted once at
   * the start, and kept up to date in transactions: nobody else writes.
   */
  storedDevices: number;
  readonly #database: DatabaseSync;
  readonly #statements: Statements;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = new Statements(database);
    const sum = `SELECT
      (SELECT coalesce(sum(max(devices, ${LEAST_DEVICES})), 0) FROM operation WHERE delete_ms IS NULL) +
      (SELECT coalesce(sum(max(devices, ${LEAST_DEVICES})), 0) FROM upload) AS devices`;
    this.storedDevices = this.row<{ devices: number }>(sum)?.devices ?? 0;
  }

  run(sql: string, ...values: SQLInputValue[]) {
    return this.#statements.of(sql).run(...values);
  }

  row<T = object>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.#statements.of(sql).get(...values) as T | undefined;
  }

  rows<T>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.#statements.of(sql).all(...values) as T[];
  }

  /** One transaction, or a part of the one that is open. */
  write<T>(work: () => T): T {
    if (this.#database.isTransaction) return work();
    this.run("BEGIN IMMEDIATE");
    const { storedDevices } = this;
    try {
      const result = work();
      this.#commit();
      return result;
    } catch (error) {
      this.storedDevices = storedDevices;
      if (this.#database.isTransaction) this.run("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    this.#database.close();
  }

  /** After a failed sync nobody can say what a crash would leave. */
  #commit(): void {
    try {
      this.run("COMMIT");
    } catch (error) {
      throw new StoreUnavailable(`the store of operations failed: ${(error as Error).message}`, { isUnknown: true });
    }
  }
}
