// All failures that a caller can see, as one closed list in the gateway's own terms. Only
// grpc/wire/status.ts decides what they become on the wire.
import type { Rejection } from "./upstream.js";

/** Kinds of failure. When an answer needs one cause for many devices, this order breaks ties. */
export const FAILURE_KINDS = [
  "invalid",
  "unauthenticated",
  "forbidden",
  "overloaded",
  "deadline-too-short",
  "expired",
  "aborted",
  "draining",
  "rejected",
  "throttled",
  "unavailable",
  "unknown",
  "internal",
  // of operations
  "stopped",
  "rollout-changed",
  "request-id-reused",
  "submission-unknown",
  "operation-not-found",
  "operation-running",
  "store-unavailable",
  "state-not-shared",
] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/**
 * Why something failed. Contains no device names, addresses or secrets. `unlisted` counts the
 * violations beyond those that are listed.
 */
export type Failure = { readonly message: string; readonly upstream?: UpstreamCause } & (
  | { readonly kind: "invalid"; readonly violations: readonly Violation[]; readonly unlisted?: number }
  | { readonly kind: "overloaded"; readonly subject: string }
  /** `requestWide`: the refusal concerns the request as a whole, and not its devices. */
  | { readonly kind: "rejected"; readonly rejection: Rejection; readonly requestWide?: true }
  | { readonly kind: "unknown"; readonly reason: UnknownReason }
  | { readonly kind: Exclude<FailureKind, "invalid" | "overloaded" | "rejected" | "unknown"> }
);

/** The failure of what arrives, or still waits, while the gateway drains. */
export const DRAINING: Failure = {
  kind: "draining",
  message: "this gateway is shutting down; retry on another replica",
};

/** The maximum number of listed violations; further ones are counted. */
export const MOST_VIOLATIONS = 50;

/** One invalid part of a request. */
export interface Violation {
  /** Path of the field, such as `device_names[17]`. */
  readonly field: string;
  /** A few words only: error details must fit into trailers. */
  readonly description: string;
}

/** The upstream's answer, where it is the cause. */
export interface UpstreamCause {
  readonly code: string;
  readonly requestId: string;
}

/**
 * Why an outcome is unknown: the call was sent and never answered; it was refused with several
 * devices, and the cause could not be isolated; or it was accepted, and reading back told nothing.
 */
export type UnknownReason = "OUTCOME_UNKNOWN" | "BATCH_REJECTED" | "NOT_VERIFIED";

/** How many devices failed for one cause, with a few of the caller's own device names. */
export interface CauseCount {
  readonly kind: FailureKind;
  readonly devices: number;
  readonly sampleNames: readonly string[];
}

/** A failure on its way to the caller. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly failure: Failure;
  /** The wait before a retry makes sense; absent if it never does. */
  readonly retryAfterMs: number | undefined;
  readonly causes: readonly CauseCount[];

  constructor(
    failure: Failure,
    { retryAfterMs, causes = [] }: { retryAfterMs?: number; causes?: readonly CauseCount[] } = {},
  ) {
    super(failure.message);
    this.failure = failure;
    this.retryAfterMs = retryAfterMs;
    this.causes = causes;
  }
}

/** Makes the error for a request with one invalid field. It fails the same way every time. */
export function invalid(field: string, description: string): GatewayError {
  return new GatewayError({ kind: "invalid", message: "invalid request", violations: [{ field, description }] });
}
