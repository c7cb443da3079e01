// Error details in the standard messages of google.rpc, each packed into an Any.
import type { Any } from "../../gen/google/protobuf/any.js";
import type { Duration } from "../../gen/google/protobuf/duration.js";
import type { Timestamp } from "../../gen/google/protobuf/timestamp.js";
import { BadRequest, ErrorInfo, QuotaFailure, ResourceInfo, RetryInfo } from "../../gen/google/rpc/error_details.js";

/** A duration for the wire; undefined if it is not finite. */
export function durationOf(ms: number): Duration | undefined {
  if (!Number.isFinite(ms)) return undefined;
  const wholeMs = Math.max(ms, 0);
  const seconds = Math.floor(wholeMs / 1000);
  return { seconds: BigInt(seconds), nanos: Math.floor((wholeMs - seconds * 1000) * 1e6) };
}

/** A wall-clock time for the wire. */
export function timestampOf(wallMs: number): Timestamp {
  const seconds = Math.floor(wallMs / 1000);
  return { seconds: BigInt(seconds), nanos: Math.floor((wallMs - seconds * 1000) * 1e6) };
}

/** Milliseconds of a duration; a fraction is cut off. */
export function durationMs({ seconds, nanos }: Duration): number {
  return Number(seconds) * 1000 + Math.trunc(nanos / 1e6);
}

export function errorInfo(reason: string, domain: string, metadata: Record<string, string>): Any {
  return pack("ErrorInfo", ErrorInfo.encode(ErrorInfo.fromPartial({ reason, domain, metadata })).finish());
}

export function retryInfo(retryAfterMs: number): Any {
  return pack("RetryInfo", RetryInfo.encode({ retryDelay: durationOf(retryAfterMs) }).finish());
}

export function quotaFailure(subject: string, description: string): Any {
  return pack(
    "QuotaFailure",
    QuotaFailure.encode(QuotaFailure.fromPartial({ violations: [{ subject, description }] })).finish(),
  );
}

/** One of the caller's own devices, and what went wrong with it. */
export function deviceInfo(resourceName: string, description: string): Any {
  const info = ResourceInfo.fromPartial({ resourceType: "device", resourceName, description });
  return pack("ResourceInfo", ResourceInfo.encode(info).finish());
}

export function badRequest(fieldViolations: readonly { field: string; description: string }[]): Any {
  return pack(
    "BadRequest",
    BadRequest.encode(BadRequest.fromPartial({ fieldViolations: [...fieldViolations] })).finish(),
  );
}

function pack(type: string, value: Uint8Array): Any {
  return { typeUrl: `type.googleapis.com/google.rpc.${type}`, value: Buffer.from(value) };
}
