// Publishes an operation, or explains in the caller's terms why it could not be published. A
// request id belongs to one operation of its caller, whatever its kind.
import { GatewayError } from "../gateway/failures.js";
import { type OperationRecord, type OperationStore, StoreFull, StoreUnavailable, type Submission } from "./store.js";

/** When to ask again while the store is away or full. */
export const STORE_RETRY_MS = 5000;

/** Throws GatewayError. `mostOperations`: those of a caller that have not ended, for the error. */
export async function publishOperation(
  store: Pick<OperationStore, "publish">,
  submission: Submission,
  mostOperations: number,
): Promise<OperationRecord> {
  const published = await store.publish(submission).catch((error: unknown) => {
    throw gatewayErrorOf(error, submission.requestId);
  });
  switch (published.kind) {
    case "created":
    case "existing":
      return published.record;
    case "reused":
      throw new GatewayError({
        kind: "request-id-reused",
        message: "request_id belongs to another submission, or to an operation that was deleted; use a new one",
      });
    case "too-many":
      throw new GatewayError(
        {
          kind: "overloaded",
          subject: "caller",
          message: `too many operations of this caller have not ended (limit ${mostOperations}); wait for one of them`,
        },
        { retryAfterMs: STORE_RETRY_MS },
      );
  }
}

/**
 * The failure of a call to the store, for the caller. `requestId` is set where an operation was
 * published.
 */
export function gatewayErrorOf(error: unknown, requestId?: string): unknown {
  if (error instanceof StoreFull) {
    const message = "the store of operations has no room; retry when operations have ended";
    return new GatewayError({ kind: "overloaded", subject: "gateway", message }, { retryAfterMs: STORE_RETRY_MS });
  }
  if (!(error instanceof StoreUnavailable)) return error;
  if (error.isUnknown && requestId !== undefined) {
    const again = requestId === "" ? "list operations before sending it again" : "send it again with its request_id";
    return new GatewayError({
      kind: "submission-unknown",
      message: `the operation may or may not be stored; ${again}`,
    });
  }
  const message = "the store of operations cannot be used at the moment; retry";
  return new GatewayError({ kind: "store-unavailable", message }, { retryAfterMs: STORE_RETRY_MS });
}
