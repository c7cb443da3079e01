// Why a rollout could not be planned, as the error of the operation, and whether a retry could
// help.
import type { Failure } from "../../gateway/failures.js";
import { readFailureOf } from "../../rollout/read-failure.js";
import type { StopConclusion } from "../../rollout/stop-call.js";

export function unplannedFailureOf({ reason, message, end }: Extract<StopConclusion, { readonly kind: "unplanned" }>): {
  readonly failure: Failure;
  readonly isPassing: boolean;
} {
  switch (reason) {
    case "changed":
      return { failure: { kind: "rollout-changed", message }, isPassing: false };
    case "foreign":
      return { failure: { kind: "rejected", rejection: "not-found", message }, isPassing: false };
    case "unreadable": {
      if (!end) return { failure: { kind: "unavailable", message }, isPassing: true };
      const failure = readFailureOf(end);
      return { failure, isPassing: failure.kind !== "rejected" };
    }
  }
}
