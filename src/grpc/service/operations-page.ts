// The operations of one page of ListOperations: as many as a client takes in one message. Stops of
// many batches are long.
import { Operation } from "../../gen/google/longrunning/operations.js";
import type { OperationRecord } from "../../operations/store.js";
import { operationMessageOf } from "./operation-message.js";

const MOST_PAGE_BYTES = 1 << 20;

/** At least one of the records, if there is any. */
export function operationsPageOf(records: readonly OperationRecord[], durable: boolean): Operation[] {
  const operations: Operation[] = [];
  let bytes = 0;
  for (const record of records) {
    const operation = operationMessageOf(record, durable);
    bytes += Operation.encode(operation).finish().length;
    if (bytes > MOST_PAGE_BYTES && operations.length > 0) break;
    operations.push(operation);
  }
  return operations;
}
