// The one boundary that turns failures into wire errors: a status, details that a program can read,
// and a hint when to retry. A new kind of failure does not compile until it has a row here.
import { Metadata, status } from "@grpc/grpc-js";
import {
  type Failure,
  type FailureKind,
  GatewayError,
  MOST_VIOLATIONS,
  type Violation,
} from "../../gateway/failures.js";
import type { Rejection } from "../../gateway/upstream.js";
import type { Any } from "../../gen/google/protobuf/any.js";
import { Status } from "../../gen/google/rpc/status.js";
import { badRequest, deviceInfo, errorInfo, quotaFailure, retryInfo } from "./details.js";

/** Encoded, trailers stay under 4 KB: many proxies allow no more than 8 KB of headers in all. */
const MAX_STATUS_BYTES = 2900;

/** Of `grpc-message`: a Chinese character takes nine. The details hold all of it. */
const LONGEST_TEXT_BYTES = 1200;

const OUR_DOMAIN = "ota.v1";
const UPSTREAM_DOMAIN = "iot.aliyuncs.com";

interface Row {
  readonly code: status;
  /** Part of the contract, as the proto file lists them. */
  readonly reason: string;
  /** The gateway or the cloud, whichever decided it. */
  readonly domain: typeof OUR_DOMAIN | typeof UPSTREAM_DOMAIN;
  /** Whether sending the same message again, with the same deadline, can end otherwise. */
  readonly repeatHelps: boolean;
}

const ROWS: Record<FailureKind, Row> = {
  invalid: { code: status.INVALID_ARGUMENT, reason: "INVALID_REQUEST", domain: OUR_DOMAIN, repeatHelps: false },
  unauthenticated: { code: status.UNAUTHENTICATED, reason: "UNAUTHENTICATED", domain: OUR_DOMAIN, repeatHelps: false },
  forbidden: { code: status.PERMISSION_DENIED, reason: "FORBIDDEN", domain: OUR_DOMAIN, repeatHelps: false },
  overloaded: { code: status.RESOURCE_EXHAUSTED, reason: "OVERLOADED", domain: OUR_DOMAIN, repeatHelps: true },
  "deadline-too-short": {
    code: status.DEADLINE_EXCEEDED,
    reason: "DEADLINE_TOO_SHORT",
    domain: OUR_DOMAIN,
    repeatHelps: false,
  },
  expired: { code: status.DEADLINE_EXCEEDED, reason: "EXPIRED", domain: OUR_DOMAIN, repeatHelps: false },
  aborted: { code: status.CANCELLED, reason: "ABORTED", domain: OUR_DOMAIN, repeatHelps: true },
  draining: { code: status.UNAVAILABLE, reason: "DRAINING", domain: OUR_DOMAIN, repeatHelps: true },
  rejected: { code: status.FAILED_PRECONDITION, reason: "REJECTED", domain: UPSTREAM_DOMAIN, repeatHelps: false },
  throttled: { code: status.RESOURCE_EXHAUSTED, reason: "THROTTLED", domain: UPSTREAM_DOMAIN, repeatHelps: true },
  unavailable: { code: status.UNAVAILABLE, reason: "UNAVAILABLE", domain: OUR_DOMAIN, repeatHelps: true },
  unknown: { code: status.UNKNOWN, reason: "OUTCOME_UNKNOWN", domain: OUR_DOMAIN, repeatHelps: true },
  internal: { code: status.INTERNAL, reason: "INTERNAL", domain: OUR_DOMAIN, repeatHelps: false },
  stopped: { code: status.CANCELLED, reason: "STOPPED", domain: OUR_DOMAIN, repeatHelps: false },
  "rollout-changed": { code: status.ABORTED, reason: "ROLLOUT_CHANGED", domain: OUR_DOMAIN, repeatHelps: false },
  "request-id-reused": {
    code: status.ALREADY_EXISTS,
    reason: "REQUEST_ID_REUSED",
    domain: OUR_DOMAIN,
    repeatHelps: false,
  },
  "submission-unknown": { code: status.UNKNOWN, reason: "SUBMISSION_UNKNOWN", domain: OUR_DOMAIN, repeatHelps: true },
  "operation-not-found": {
    code: status.NOT_FOUND,
    reason: "OPERATION_NOT_FOUND",
    domain: OUR_DOMAIN,
    repeatHelps: false,
  },
  "operation-running": {
    code: status.FAILED_PRECONDITION,
    reason: "OPERATION_RUNNING",
    domain: OUR_DOMAIN,
    repeatHelps: false,
  },
  "store-unavailable": { code: status.UNAVAILABLE, reason: "STORE_UNAVAILABLE", domain: OUR_DOMAIN, repeatHelps: true },
  "state-not-shared": {
    code: status.FAILED_PRECONDITION,
    reason: "STATE_NOT_SHARED",
    domain: OUR_DOMAIN,
    repeatHelps: false,
  },
};

const REJECTION_CODES: Record<Rejection, status> = {
  "not-found": status.NOT_FOUND,
  invalid: status.INVALID_ARGUMENT,
  precondition: status.FAILED_PRECONDITION,
  forbidden: status.PERMISSION_DENIED,
};

/** An error in the form that grpc-js takes. */
export interface WireError {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/**
 * The error of an rpc. Anything but a GatewayError is a bug, and nothing of it is shown. `leftMs`:
 * the time until a retry would have to be answered.
 */
export function wireErrorOf(error: unknown, leftMs = Infinity): WireError {
  const answer = statusOf(error);
  const metadata = pushbackMetadata(pushbackOf(knownOf(error), leftMs));
  metadata.set("grpc-status-details-bin", Buffer.from(Status.encode(answer).finish()));
  return { code: answer.code, details: headerTextOf(answer.message), metadata };
}

/** grpc-js throws for half a character, outside of every promise, which would end the process. */
function headerTextOf(message: string): string {
  const text = message.toWellFormed();
  if (encodeURI(text).length <= LONGEST_TEXT_BYTES) return text;
  return `${text.slice(0, LONGEST_TEXT_BYTES / 9 - 1)}…`.toWellFormed();
}

/** Why an rpc failed, for the log: what the caller can read in the details, without names. */
export function failureReason(error: unknown): { readonly reason: string; readonly upstreamCode?: string } {
  const { failure } = knownOf(error);
  const reason = failure.kind === "unknown" ? failure.reason : ROWS[failure.kind].reason;
  return { reason, ...(failure.upstream?.code && { upstreamCode: failure.upstream.code }) };
}

/** An error that every repeat would get too, in a status that clients know from gRPC itself. */
export function finalError(code: status, details: string): WireError {
  return { code, details, metadata: pushbackMetadata(NEVER) };
}

/** The pushback that forbids a client to retry by its policy. */
const NEVER = -1;

/**
 * When a client with a retry policy is to repeat the message. Some clients retry on a pushback
 * whatever the status, always with the deadline of the first attempt: a retry that cannot be
 * answered before it would replace the reason by the client's own DEADLINE_EXCEEDED.
 */
function pushbackOf({ failure, retryAfterMs }: GatewayError, leftMs: number): number | undefined {
  if (!ROWS[failure.kind].repeatHelps || leftMs <= (retryAfterMs ?? 0)) return NEVER;
  return retryAfterMs;
}

function pushbackMetadata(pushbackMs: number | undefined): Metadata {
  const metadata = new Metadata();
  if (pushbackMs !== undefined) metadata.set("grpc-retry-pushback-ms", String(Math.ceil(pushbackMs)));
  return metadata;
}

/** The same as the headers of an HTTP/2 stream, for a response that is nothing but a status. */
export function trailersOf({ code, details, metadata }: WireError) {
  return {
    ":status": 200,
    "content-type": "application/grpc+proto",
    "grpc-accept-encoding": "identity",
    "grpc-status": code,
    "grpc-message": encodeURI(details),
    ...metadata.toHttp2Headers(),
  };
}

/** The same as a message, for an answer on a stream. */
export function statusOf(error: unknown): Status {
  const known = knownOf(error);
  return { code: codeOf(known.failure), message: messageOf(known.failure), details: detailsOf(known) };
}

function knownOf(error: unknown): GatewayError {
  return error instanceof GatewayError ? error : new GatewayError({ kind: "internal", message: "internal error" });
}

/** The status of one device that failed. */
export function deviceStatusOf(failure: Failure): Status {
  return { code: codeOf(failure), message: failure.message, details: [infoOf(failure, {})] };
}

function codeOf(failure: Failure): status {
  return failure.kind === "rejected" ? REJECTION_CODES[failure.rejection] : ROWS[failure.kind].code;
}

function messageOf(failure: Failure): string {
  if (failure.kind !== "invalid") return failure.message;
  const [first] = failure.violations;
  return `${countOf(failure)} violation(s), the first: ${first?.field} ${first?.description}`;
}

function countOf({ violations, unlisted = 0 }: Failure & { kind: "invalid" }): number {
  return violations.length + unlisted;
}

function detailsOf({ failure, retryAfterMs, causes }: GatewayError): Any[] {
  const counts = Object.fromEntries(causes.map(({ kind, devices }) => [`devices_${kind}`, String(devices)]));
  const details = [infoOf(failure, counts)];
  if (retryAfterMs !== undefined) details.push(retryInfo(retryAfterMs));
  if (failure.kind === "overloaded") details.push(quotaFailure(failure.subject, failure.message));
  for (const { kind, sampleNames } of causes) details.push(...sampleNames.map((name) => deviceInfo(name, kind)));
  if (failure.kind === "invalid") details.push(fitting(failure.violations, details));
  return details;
}

/** The first violations, as many as fit into the trailers. */
function fitting(violations: readonly Violation[], others: readonly Any[]): Any {
  const bytes = (detail: Any) => Status.encode({ code: 0, message: "", details: [...others, detail] }).finish().length;
  for (let listed = Math.min(violations.length, MOST_VIOLATIONS); ; listed--) {
    const detail = badRequest(violations.slice(0, listed));
    if (listed <= 1 || bytes(detail) <= MAX_STATUS_BYTES) return detail;
  }
}

function infoOf(failure: Failure, counts: Record<string, string>): Any {
  const { reason, domain } = ROWS[failure.kind];
  return errorInfo(failure.kind === "unknown" ? failure.reason : reason, domain, {
    ...(failure.upstream && { upstream_code: failure.upstream.code, request_id: failure.upstream.requestId }),
    ...(failure.kind === "invalid" && { violations: String(countOf(failure)) }),
    ...counts,
  });
}
