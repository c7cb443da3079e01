// What the end of one call means: for its token, for the devices in the call, and whether they are sent
// again. Pure. The upstream tells one boolean for the whole call, and no outcome claims more than that.
import type { Failure } from "../errors.js";
import type { TokenEnd } from "../limiter.js";
import type { CallEnd, Refusal } from "../upstream.js";
import type { DeviceOutcome } from "../waiter.js";

/** What happens to the devices of an ended call. */
type FailedOutcome = Extract<DeviceOutcome, { readonly failure: Failure }>;

export type Consequence =
  | { readonly kind: "settle"; readonly outcome: DeviceOutcome }
  /** Back to the queue, and `outcome` is what to say if there is no other call in time. */
  | { readonly kind: "repeat"; readonly outcome: FailedOutcome; readonly backoff: boolean }
  /** One device may be the reason for all: they are told apart, and `outcome` is for those that cannot be. */
  | { readonly kind: "bisect"; readonly outcome: DeviceOutcome };

/** The cause is in the log, for the operator; a caller has no use for the state of our keys. */
const OURS: Failure = { kind: "internal", message: "the gateway could not make an acceptable call" };

/** The token's way back. */
export function tokenEnd(end: CallEnd): TokenEnd {
  if (end.kind === "accepted") return { kind: "answered" };
  if (end.kind !== "refused") return { kind: end.kind };
  const { reaction, retryAfterMs } = end.refusal;
  if (reaction.kind !== "throttled") return { kind: "answered" };
  return { kind: "throttled", ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** What follows for the devices in the call, of which there are so many. */
export function consequence(end: CallEnd, devices: number): Consequence {
  switch (end.kind) {
    case "accepted":
      return { kind: "settle", outcome: { kind: "accepted" } };
    case "unwritten": {
      const failure: Failure = end.ours ? OURS : { kind: "unavailable", message: end.message };
      return { kind: "repeat", outcome: { kind: "not-attempted", failure }, backoff: true };
    }
    case "lost": {
      const failure: Failure = { kind: "unknown", reason: "OUTCOME_UNKNOWN", message: end.message };
      return { kind: "repeat", outcome: { kind: "unknown", failure }, backoff: true };
    }
    case "refused":
      return refused(end.requestId, end.refusal, devices);
  }
}

function refused(requestId: string, { code, reaction }: Refusal, devices: number): Consequence {
  const upstream = { code, requestId };
  switch (reaction.kind) {
    case "throttled": {
      const message = "the upstream refused the call for rate";
      const failure: Failure = { kind: "throttled", message, upstream };
      return { kind: "repeat", outcome: { kind: "not-attempted", failure }, backoff: false };
    }
    case "unavailable": {
      const failure: Failure = { kind: "unavailable", message: `the upstream failed: ${code}`, upstream };
      return { kind: "repeat", outcome: { kind: "unknown", failure }, backoff: true };
    }
    case "internal": {
      const outcome: DeviceOutcome = { kind: "not-attempted", failure: OURS };
      return reaction.recovered ? { kind: "repeat", outcome, backoff: true } : { kind: "settle", outcome };
    }
    case "rejected": {
      if (reaction.deviceFault && devices > 1) {
        const message = `refused together with others, and not told apart: ${code}`;
        const failure: Failure = { kind: "unknown", reason: "BATCH_REJECTED", message, upstream };
        return { kind: "bisect", outcome: { kind: "unknown", failure } };
      }
      const message = `the upstream refused: ${code}`;
      const failure: Failure = { kind: "rejected", message, rejection: reaction.rejection, upstream };
      return { kind: "settle", outcome: { kind: "rejected", failure } };
    }
  }
}
