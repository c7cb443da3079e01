// Lists operations from the latest to the earliest. Those that their callers have deleted are not
// listed.
import type { SQLInputValue } from "node:sqlite";
import { type OperationRow, recordOf } from "../operation-row.js";
import type { ListQuery, OperationRecord } from "../store.js";
import type { SqliteConnection } from "./connection.js";

export function listOperations(
  connection: SqliteConnection,
  { caller, done, after, most }: ListQuery,
): readonly OperationRecord[] {
  const conditions = ["delete_ms IS NULL"];
  const values: SQLInputValue[] = [];
  if (caller !== undefined) {
    conditions.push("caller = ?");
    values.push(caller);
  }
  if (done !== undefined) conditions.push(done ? "end_ms IS NOT NULL" : "end_ms IS NULL");
  if (after) {
    conditions.push("(create_ms, id) < (?, ?)");
    values.push(after.createMs, after.id);
  }
  const query = `SELECT * FROM operation WHERE ${conditions.join(" AND ")} ORDER BY create_ms DESC, id DESC LIMIT ?`;
  return connection.rows<OperationRow>(query, ...values, most).map(recordOf);
}
