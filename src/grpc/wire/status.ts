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

const OUR_DOMAIN = "ota.v1";
const UPSTREAM_DOMAIN = "iot.aliyuncs.com";

interface Row {
  readonly code: status;
  /** Part of the contract, as the proto file lists them. */
  readonly reason: string;
  /** The gateway or the cloud, whichever decided it. */
  readonly domain: typeof OUR_DOMAIN | typeof UPSTREAM_DOMAIN;
}

const ROWS: Record<FailureKind, Row> = {
  invalid: { code: status.INVALID_ARGUMENT, reason: "INVALID_REQUEST", domain: OUR_DOMAIN },
  unauthenticated: { code: status.UNAUTHENTICATED, reason: "UNAUTHENTICATED", domain: OUR_DOMAIN },
  forbidden: { code: status.PERMISSION_DENIED, reason: "FORBIDDEN", domain: OUR_DOMAIN },
  overloaded: { code: status.RESOURCE_EXHAUSTED, reason: "OVERLOADED", domain: OUR_DOMAIN },
  "deadline-too-short": { code: status.DEADLINE_EXCEEDED, reason: "DEADLINE_TOO_SHORT", domain: OUR_DOMAIN },
  expired: { code: status.DEADLINE_EXCEEDED, reason: "EXPIRED", domain: OUR_DOMAIN },
  aborted: { code: status.CANCELLED, reason: "ABORTED", domain: OUR_DOMAIN },
  draining: { code: status.UNAVAILABLE, reason: "DRAINING", domain: OUR_DOMAIN },
  rejected: { code: status.FAILED_PRECONDITION, reason: "REJECTED", domain: UPSTREAM_DOMAIN },
  throttled: { code: status.RESOURCE_EXHAUSTED, reason: "THROTTLED", domain: UPSTREAM_DOMAIN },
  unavailable: { code: status.UNAVAILABLE, reason: "UNAVAILABLE", domain: OUR_DOMAIN },
  unknown: { code: status.UNKNOWN, reason: "OUTCOME_UNKNOWN", domain: OUR_DOMAIN },
  internal: { code: status.INTERNAL, reason: "INTERNAL", domain: OUR_DOMAIN },
  stopped: { code: status.CANCELLED, reason: "STOPPED", domain: OUR_DOMAIN },
  "request-id-reused": { code: status.ALREADY_EXISTS, reason: "REQUEST_ID_REUSED", domain: OUR_DOMAIN },
  "submission-unknown": { code: status.UNKNOWN, reason: "SUBMISSION_UNKNOWN", domain: OUR_DOMAIN },
  "operation-not-found": { code: status.NOT_FOUND, reason: "OPERATION_NOT_FOUND", domain: OUR_DOMAIN },
  "operation-running": { code: status.FAILED_PRECONDITION, reason: "OPERATION_RUNNING", domain: OUR_DOMAIN },
  "store-unavailable": { code: status.UNAVAILABLE, reason: "STORE_UNAVAILABLE", domain: OUR_DOMAIN },
  "state-not-shared": { code: status.FAILED_PRECONDITION, reason: "STATE_NOT_SHARED", domain: OUR_DOMAIN },
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

/** The error of an rpc. Anything but a GatewayError is a bug, and nothing of it is shown. */
export function wireErrorOf(error: unknown): WireError {
  const answer = statusOf(error);
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(Status.encode(answer).finish()));
  const { failure, retryAfterMs } = knownOf(error);
  // Some clients retry on this trailer whatever the status, and always with the same deadline,
  // which is too short.
  const asksAgain = retryAfterMs !== undefined && failure.kind !== "deadline-too-short";
  if (asksAgain) metadata.set("grpc-retry-pushback-ms", String(Math.ceil(retryAfterMs)));
  return { code: answer.code, details: answer.message, metadata };
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
