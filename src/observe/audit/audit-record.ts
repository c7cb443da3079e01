// The audit log's line for one request: who asked, why, for what, and what became of it. Pure. The fields
// always come in the same order, and what a caller wrote is bounded before it is recorded: requests that
// were refused are recorded too, and those can hold anything.
import { visibleJson } from "../../base/visible-text.js";
import { GatewayError } from "../../gateway/errors.js";
import { type Answer, type DeviceOutcome, OUTCOMES } from "../../gateway/waiter.js";
import { deviceDigest } from "./device-digest.js";

/** A request as it came; nothing of it need be valid. */
export interface AuditedRequest {
  readonly account: string;
  readonly iotInstanceId: string;
  readonly productKey: string;
  readonly firmwareId: string;
  readonly jobId: string;
  readonly deviceNames: readonly string[];
  readonly reason: string;
  readonly requireAll: boolean;
  readonly verify: boolean;
}

/** Who asked, and how. */
export interface AuditedCaller {
  /** Empty for a stranger. */
  readonly caller: string;
  /** Who has not proved who they are: what they say of themselves, and what was wrong with it. */
  readonly stranger?: { readonly claimed?: string; readonly why: string };
  readonly rpc: string;
  readonly priority: string;
  /** Of a request in a stream. */
  readonly sequence?: bigint;
  /** All zeros if there is no trace. */
  readonly span: { readonly traceId: string; readonly spanId: string };
}

/** What became of it. */
export type AuditedEnd =
  /** It was let in. `error` is what the rpc failed with, if it did. */
  | { readonly kind: "answered"; readonly answer: Answer; readonly error?: unknown }
  /** It was not let in: nothing was sent for it. */
  | { readonly kind: "refused"; readonly error: unknown }
  /** It asked to be looked at only. */
  | { readonly kind: "validated" };

export interface AuditTimes {
  readonly askedWallMs: number;
  readonly durationMs: number;
}

const LONGEST_CALLER = 512;
const LONGEST_REASON = 256;
const LONGEST_ID = 128;
const LONGEST_NAME = 64;

/** The most that a request may ever have; what has more was refused for it. */
const MOST_NAMES = 100_000;

/** The record holds how many there were in all. */
const MOST_CALLS = 1000;

/** A JSON object. */
export function auditRecord(
  request: AuditedRequest,
  caller: AuditedCaller,
  end: AuditedEnd,
  times: AuditTimes,
  withNames: boolean,
): object {
  const { deviceNames } = request;
  const { sequence, span, stranger } = caller;
  const isTraced = !/^0*$/.test(span.traceId);
  const why = stranger?.why ?? whyForbidden(end);
  // Strangers are not worth sorting a hundred thousand names.
  const isRead = !stranger && deviceNames.length <= MOST_NAMES;
  const calls = end.kind === "answered" ? end.answer.calls : [];
  return {
    time: new Date(times.askedWallMs).toISOString(),
    durationMs: Math.round(times.durationMs),
    rpc: caller.rpc,
    ...(sequence !== undefined && { sequence: String(sequence) }),
    caller: cut(caller.caller, LONGEST_CALLER),
    ...(stranger?.claimed !== undefined && { claimedCaller: stranger.claimed }),
    reason: cut(request.reason, LONGEST_REASON),
    account: cut(request.account, LONGEST_ID),
    iotInstanceId: cut(request.iotInstanceId, LONGEST_ID),
    productKey: cut(request.productKey, LONGEST_ID),
    firmwareId: cut(request.firmwareId, LONGEST_ID),
    jobId: cut(request.jobId, LONGEST_ID),
    priority: caller.priority,
    requireAll: request.requireAll,
    verify: request.verify,
    outcome: outcomeOf(end),
    ...(end.kind !== "validated" && end.error !== undefined && { error: kindOf(end.error) }),
    ...(why !== undefined && { why }),
    devices: deviceNames.length,
    ...(isRead && { devicesSha256: deviceDigest(deviceNames) }),
    devicesByOutcome: countsOf(end, deviceNames.length),
    calls: calls.length,
    upstreamRequestIds: calls.slice(0, MOST_CALLS).flatMap(({ requestId }) => requestId || []),
    ...(isTraced && { traceId: span.traceId, spanId: span.spanId }),
    ...(withNames &&
      !stranger && { deviceNames: deviceNames.slice(0, MOST_NAMES).map((name) => cut(name, LONGEST_NAME)) }),
  };
}

/** The line, with its end. What is not to be seen is escaped, not only what JSON demands. */
export function auditLine(record: object): string {
  return `${visibleJson(JSON.stringify(record))}\n`;
}

function outcomeOf(end: AuditedEnd): "ok" | "failed" | "refused" | "validated" {
  if (end.kind !== "answered") return end.kind;
  return end.error === undefined ? "ok" : "failed";
}

/** What is not a GatewayError is the gateway's own failing. */
function kindOf(error: unknown): string {
  return error instanceof GatewayError ? error.failure.kind : "internal";
}

/** Which fields of the request were beyond the caller's rights. */
function whyForbidden(end: AuditedEnd): string | undefined {
  if (end.kind !== "refused" || !(end.error instanceof GatewayError)) return undefined;
  return end.error.failure.kind === "forbidden" ? end.error.message : undefined;
}

function countsOf(end: AuditedEnd, devices: number): Record<DeviceOutcome["kind"], number> {
  const counts = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<DeviceOutcome["kind"], number>;
  if (end.kind === "answered") for (const { kind } of end.answer.outcomes) counts[kind]++;
  else counts["not-attempted"] = devices;
  return counts;
}

function cut(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}
