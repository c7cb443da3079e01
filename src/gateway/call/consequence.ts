// Decides what the end of a call means for its token and its devices, and whether the devices are
// sent again. Pure. The upstream reports a single boolean for the whole call, and no outcome claims
// more than that.
import type { DeviceOutcome } from "../device-outcome.js";
import type { Failure } from "../failures.js";
import type { TokenEnd } from "../limiter.js";
import type { CallEnd, Refusal } from "../upstream.js";

/** An outcome that includes the reason for a failure. */
type FailedOutcome = Extract<DeviceOutcome, { readonly failure: Failure }>;

export type Consequence =
  | { readonly kind: "settle"; readonly outcome: DeviceOutcome }
  /** The devices return to the queue. `outcome` is reported if no further call is made in time. */
  | { readonly kind: "repeat"; readonly outcome: FailedOutcome; readonly backoff: boolean }
  /**
   * One device may be the cause for all: bisect to find it. `outcome` is for those not isolated.
   */
  | { readonly kind: "bisect"; readonly outcome: DeviceOutcome };

/** The cause is in the gateway's log. Callers learn nothing about the state of its keys. */
const OURS: Failure = {
  kind: "internal",
  message: "the gateway could not make a valid call; report this to its operator",
};

/**
 * When the token of a call of so many devices returns. A call on a whole batch names none; what
 * work it takes depends on the batch, so that its answer is no measure for others.
 */
export function tokenEnd(end: CallEnd, devices: number): TokenEnd {
  if (end.kind === "accepted") {
    const { waitMs } = end;
    return { kind: "answered", ...(waitMs !== undefined && devices > 0 && { accepted: { devices, waitMs } }) };
  }
  if (end.kind !== "refused") return { kind: end.kind };
  const { reaction, retryAfterMs } = end.refusal;
  if (reaction.kind !== "throttled") return { kind: "answered" };
  return { kind: "throttled", ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** The consequence for the devices in the call; `devices` is their number. */
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

function refused(requestId: string, { code, reaction, requestWide }: Refusal, devices: number): Consequence {
  const upstream = { code, requestId };
  switch (reaction.kind) {
    case "throttled": {
      const message = "the upstream throttled the call";
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
        const message = `refused together with other devices and not isolated: ${code}`;
        const failure: Failure = { kind: "unknown", reason: "BATCH_REJECTED", message, upstream };
        return { kind: "bisect", outcome: { kind: "unknown", failure } };
      }
      const message = `the upstream refused: ${code}`;
      const failure: Failure = {
        ...{ kind: "rejected", message, rejection: reaction.rejection, upstream },
        ...(requestWide && { requestWide }),
      };
      return { kind: "settle", outcome: { kind: "rejected", failure } };
    }
  }
}
