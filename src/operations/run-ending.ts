// How a run of an operation ends: its state, and the failure of the devices that were not sent. An
// operation in which a device ended well, and that was not cut short, has no failure of its own.
import { FAILED_OUTCOMES, OUTCOMES } from "../gateway/device-outcome.js";
import type { Failure } from "../gateway/failures.js";
import { type Causes, commonest } from "./cancel-list.js";
import type { End } from "./store.js";

export interface RunEnding {
  readonly state: End["state"];
  /** Of the operation; undefined if its devices decide. */
  readonly failure: Failure | undefined;
  /** Of devices that were not sent. */
  readonly unsent: Failure;
}

/** Of devices that are taken out of the queue to be fed again. */
export const LEFT: Failure = { kind: "aborted", message: "the operation is continued elsewhere or later" };

export const STOPPED: RunEnding = {
  state: "stopped",
  failure: { kind: "stopped", message: "the operation was stopped by its caller or an operator" },
  unsent: { kind: "stopped", message: "the operation was stopped before the device was sent" },
};

export const EXPIRED: RunEnding = {
  state: "expired",
  failure: { kind: "expired", message: "the time to live passed before every device was sent" },
  unsent: { kind: "expired", message: "the operation expired before the device was sent" },
};

/** Every device has its outcome. */
export const DONE: RunEnding = { state: "done", failure: undefined, unsent: LEFT };

/** Of devices that were fed, and have no outcome. */
export const MAYBE_SENT: Failure = {
  kind: "unknown",
  reason: "OUTCOME_UNKNOWN",
  message: "it may have been sent: the gateway ended before the outcome was recorded",
};

/** The end as it is stored. `counts` and `causes`: of the devices that have outcomes. */
export function endOf({ state, failure, unsent }: RunEnding, counts: readonly number[], causes: Causes): End {
  const isWell = OUTCOMES.some((kind, index) => !FAILED_OUTCOMES.has(kind) && (counts[index] ?? 0) > 0);
  const cause = failure ?? commonest(causes);
  const isError = state !== "done" || !isWell;
  return {
    state,
    failure: isError && cause ? JSON.stringify(cause) : "",
    sent: JSON.stringify(MAYBE_SENT),
    unsent: JSON.stringify(unsent),
  };
}
