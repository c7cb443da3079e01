// Why an rpc or a device did not end well, read out of google.rpc.Status and its details. What has no details of
// ours comes from the transport, or from a proxy on the way, and is told as TRANSPORT.
import { type Metadata, status } from "@grpc/grpc-js";
import type { Any } from "../gen/google/protobuf/any.js";
import { BadRequest, ErrorInfo, RetryInfo } from "../gen/google/rpc/error_details.js";
import { Status } from "../gen/google/rpc/status.js";
import { msOf } from "./time.js";

/** The stable reasons of the contract, and TRANSPORT for what never came from a gateway. */
export type FailureReason =
  | "INVALID_REQUEST"
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "OVERLOADED"
  | "DEADLINE_TOO_SHORT"
  | "EXPIRED"
  | "ABORTED"
  | "DRAINING"
  | "REJECTED"
  | "THROTTLED"
  | "UNAVAILABLE"
  | "OUTCOME_UNKNOWN"
  | "BATCH_REJECTED"
  | "NOT_VERIFIED"
  | "INTERNAL"
  | "TRANSPORT";

/** One thing that is wrong with a request. */
export interface Violation {
  /** Like `device_names[17]`. */
  readonly field: string;
  readonly description: string;
}

export interface Failure {
  /** A newer gateway may know more reasons than this client. */
  readonly reason: FailureReason | (string & {});
  /** The gRPC status, like "NOT_FOUND". */
  readonly code: string;
  readonly message: string;
  /** When it makes sense to ask again; absent where the gateway did not say. */
  readonly retryAfterMs?: number;
  /** The upstream's own code, like "iot.device.NotExistedDevice", where it is the cause. */
  readonly upstreamCode?: string;
  /** The upstream's RequestId, for its support. */
  readonly upstreamRequestId?: string;
  /** With INVALID_REQUEST: what is wrong, as far as it fits into an error. */
  readonly violations: readonly Violation[];
  /** Devices by kind of failure, like { rejected: 3 }; empty unless the request was let in. */
  readonly devices: Readonly<Record<string, number>>;
}

/** What a rejected call holds. */
interface Failed {
  readonly code: number;
  readonly details: string;
  readonly metadata?: Metadata | undefined;
}

const COUNT_PREFIX = "devices_";

/** Of an rpc that ended with an error. */
export function failureOfRpc({ code, details, metadata }: Failed): Failure {
  const encoded = metadata?.get("grpc-status-details-bin")[0];
  const told = Buffer.isBuffer(encoded) ? decoded(encoded) : undefined;
  return failureOf(told ?? { code, message: details, details: [] });
}

/** Of a device, or of one request on a stream. */
export function failureOf({ code, message, details }: Status): Failure {
  const info = detail(details, "ErrorInfo", ErrorInfo);
  const retryDelay = detail(details, "RetryInfo", RetryInfo)?.retryDelay;
  const { upstream_code: upstreamCode, request_id: upstreamRequestId, ...rest } = info?.metadata ?? {};
  const counts = Object.entries(rest).filter(([key]) => key.startsWith(COUNT_PREFIX));
  const violations = detail(details, "BadRequest", BadRequest)?.fieldViolations ?? [];
  return {
    reason: info?.reason ?? "TRANSPORT",
    code: status[code] ?? String(code),
    message,
    ...(retryDelay && { retryAfterMs: msOf(retryDelay) }),
    ...(upstreamCode && { upstreamCode }),
    ...(upstreamRequestId && { upstreamRequestId }),
    violations: violations.map(({ field, description }) => ({ field, description })),
    devices: Object.fromEntries(counts.map(([key, count]) => [key.slice(COUNT_PREFIX.length), Number(count)])),
  };
}

function decoded(encoded: Uint8Array): Status | undefined {
  try {
    return Status.decode(encoded);
  } catch {
    return undefined; // some proxy's own
  }
}

function detail<T>(details: readonly Any[], type: string, { decode }: { decode(input: Uint8Array): T }): T | undefined {
  const found = details.find(({ typeUrl }) => typeUrl.endsWith(`/google.rpc.${type}`));
  return found && decode(found.value);
}
