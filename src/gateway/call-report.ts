// What the operator is told of one upstream call, in its span and in its line of the log: no device name.
import type { CallFacts, CallResult } from "../telemetry/instruments.js";
import type { Manifest } from "./manifest.js";
import type { CallEnd } from "./upstream.js";

/** What the call is, as it is sent. */
export function factsOf(account: string, manifest: Manifest, sentMs: number): CallFacts {
  const { productKey, firmwareId, jobId } = manifest.batch.lane.scope;
  return {
    account,
    productKey,
    firmwareId,
    jobId,
    devices: manifest.batch.seats.length,
    callers: manifest.callers,
    waiters: manifest.waiters.length,
    attempt: manifest.attempt,
    tokenWaitMs: Math.round(sentMs - manifest.waitingSinceMs),
  };
}

/** How it ended. */
export function resultOf(end: CallEnd): CallResult {
  if (end.kind === "refused") return { kind: end.kind, requestId: end.requestId, code: end.refusal.code };
  return end.kind === "accepted" ? { kind: end.kind, requestId: end.requestId } : { kind: end.kind };
}

/** What is the gateway's own fault is for the operator to mend. */
export function levelOf(end: CallEnd): "info" | "warn" | "error" {
  if (end.kind === "accepted") return "info";
  const ours = end.kind === "unwritten" ? end.ours : end.kind === "refused" && end.refusal.reaction.kind === "internal";
  return ours ? "error" : "warn";
}
