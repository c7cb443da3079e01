// Everything that can go wrong for a caller, as one closed list, in the gateway's own terms. What it
// becomes on the wire is decided in one place, grpc/wire/status.ts.
import type { Rejection } from "./upstream.js";

/** Kinds of failure. The order decides ties when an answer needs one cause for many devices. */
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
] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/**
 * Why something did not end well. Carries no device name, address or secret. Violations beyond those that are listed
 * are counted: `unlisted`.
 */
export type Failure = { readonly message: string; readonly upstream?: UpstreamCause } & (
  | { readonly kind: "invalid"; readonly violations: readonly Violation[]; readonly unlisted?: number }
  | { readonly kind: "overloaded"; readonly subject: string }
  | { readonly kind: "rejected"; readonly rejection: Rejection }
  | { readonly kind: "unknown"; readonly reason: UnknownReason }
  | { readonly kind: Exclude<FailureKind, "invalid" | "overloaded" | "rejected" | "unknown"> }
);

/** The most violations that are listed; the others are counted. */
export const MOST_VIOLATIONS = 50;

/** One thing that is wrong with a request. */
export interface Violation {
  /** Path of the field, like `device_names[17]`. */
  readonly field: string;
  /** In few words: error details have to fit into trailers. */
  readonly description: string;
}

/** What the upstream said, where it is the cause. */
export interface UpstreamCause {
  readonly code: string;
  readonly requestId: string;
}

/** Sent and never answered; refused together with others and not told apart; accepted, and not told by reading back. */
export type UnknownReason = "OUTCOME_UNKNOWN" | "BATCH_REJECTED" | "NOT_VERIFIED";

/** How many devices ended for one cause, and a few of the caller's own names among them. */
export interface CauseCount {
  readonly kind: FailureKind;
  readonly devices: number;
  readonly sampleNames: readonly string[];
}

/** A failure on its way to the caller. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly failure: Failure;
  /** When it makes sense to ask again; absent where it never does. */
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

/** A request that is wrong in one field, and would be refused whenever it came. */
export function invalid(field: string, description: string): GatewayError {
  return new GatewayError({ kind: "invalid", message: "invalid request", violations: [{ field, description }] });
}
