// Reads from google.rpc.Status and its details why an rpc or a device did not end well. A status
// without the gateway's details comes from the transport or a proxy on the way, and is reported as
// TRANSPORT.
import { type Metadata, status } from "@grpc/grpc-js";
import type { Any } from "../gen/google/protobuf/any.js";
import { BadRequest, ErrorInfo, RetryInfo } from "../gen/google/rpc/error_details.js";
import { Status } from "../gen/google/rpc/status.js";
import { transportMessage } from "./transport-words.js";
import { msOf } from "./wire-time.js";

/** The stable reasons of the contract, and TRANSPORT for errors that no gateway sent. */
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
  | "REQUEST_ID_REUSED"
  | "SUBMISSION_UNKNOWN"
  | "OPERATION_NOT_FOUND"
  | "OPERATION_RUNNING"
  | "ROLLOUT_CHANGED"
  | "STOPPED"
  | "STORE_UNAVAILABLE"
  | "STATE_NOT_SHARED"
  | "TRANSPORT";

/** One mistake in a request. */
export interface Violation {
  /** A path like `device_names[17]`. */
  readonly field: string;
  readonly description: string;
}

export interface Failure {
  /** A newer gateway may know more reasons than this client. */
  readonly reason: FailureReason | (string & {});
  /** The gRPC status, like "NOT_FOUND". */
  readonly code: string;
  readonly message: string;
  /** When to try again; absent where the gateway did not say. */
  readonly retryAfterMs?: number;
  /** The upstream's code, like "iot.device.NotExistedDevice", where it is the cause. */
  readonly upstreamCode?: string;
  /** The upstream's RequestId, for the vendor's support. */
  readonly upstreamRequestId?: string;
  /** With INVALID_REQUEST: the mistakes, as far as they fit into an error. */
  readonly violations: readonly Violation[];
  /**
   * Number of devices by kind of failure, like { rejected: 3 }. Empty unless the request was
   * admitted.
   */
  readonly devices: Readonly<Record<string, number>>;
}

/** The parts of an rpc's error that are read. */
interface Failed {
  readonly code: number;
  readonly details: string;
  readonly metadata?: Metadata | undefined;
}

const COUNT_PREFIX = "devices_";

/** Reads the failure of an rpc that ended with an error. */
export function failureOfRpc({ code, details, metadata }: Failed): Failure {
  const encoded = metadata?.get("grpc-status-details-bin")[0];
  const told = Buffer.isBuffer(encoded) ? decoded(Status, encoded) : undefined;
  return failureOf(told ?? { code, message: transportMessage(details), details: [] });
}

/** Reads the failure of a device, or of one request on a stream. */
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

function detail<T>(details: readonly Any[], type: string, codec: Codec<T>): T | undefined {
  const found = details.find(({ typeUrl }) => typeUrl.endsWith(`/google.rpc.${type}`));
  return found && decoded(codec, found.value);
}

interface Codec<T> {
  decode(input: Uint8Array): T;
}

/** Undefined for bytes that are no such message: something on the way may have written them. */
function decoded<T>(codec: Codec<T>, encoded: Uint8Array): T | undefined {
  try {
    return codec.decode(encoded);
  } catch {
    return undefined;
  }
}
