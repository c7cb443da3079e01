// Answers an rpc about operations before its deadline when the store is silent, which fails by
// itself only after some seconds. The call to the store goes on.
import type { Clock } from "../../base/clock.js";
import { DeadlineExceeded, withDeadline } from "../../base/deadline.js";
import { GatewayError } from "../../gateway/failures.js";
import { STORE_RETRY_MS } from "../../operations/publication.js";

const SILENT = new GatewayError(
  {
    kind: "store-unavailable",
    message: "the store of operations did not answer before the deadline; retry with a longer one",
  },
  { retryAfterMs: STORE_RETRY_MS },
);

/** The failure of an order whose end is not known by its deadline. */
export const ORDER_UNANSWERED = new GatewayError({
  kind: "submission-unknown",
  message:
    "the store of operations did not answer before the deadline; the order may or may not be stored: list operations " +
    "before sending it again, or send it again with its request_id",
});

/** Rejects with `late` at the monotonic `answerByMs`. */
export async function beforeDeadline<T>(
  clock: Clock,
  answerByMs: number,
  answer: Promise<T>,
  late = SILENT,
): Promise<T> {
  return withDeadline(clock, answerByMs, answer).catch((error: unknown) => {
    throw error instanceof DeadlineExceeded ? late : error;
  });
}
