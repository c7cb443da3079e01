// Why the batches of a rollout could not be listed, as a failure that callers see.
import { consequence } from "../gateway/call/consequence.js";
import type { Failure } from "../gateway/failures.js";
import type { RolloutList } from "./rollout-list.js";

export function readFailureOf({ end, message }: NonNullable<RolloutList["failure"]>): Failure {
  if (!end || end.kind === "withdrawn") return { kind: "unavailable", message };
  const { outcome } = consequence(end, 1);
  if (!("failure" in outcome)) throw new Error("a call that was refused has no failure");
  // A read that was never answered leaves nothing in doubt.
  const isLost = outcome.failure.kind === "unknown";
  return isLost ? { kind: "unavailable", message } : outcome.failure;
}
