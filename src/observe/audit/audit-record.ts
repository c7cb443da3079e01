// Builds the line of the audit log for one request: who asked, why, for what, and the result. Pure.
// Fields always have the same order. Texts from callers are truncated first, because refused
// requests are recorded too, and those can contain anything.
import { visibleJson } from "../../base/visible-text.js";
import { type DeviceOutcome, OUTCOMES } from "../../gateway/device-outcome.js";
import { GatewayError } from "../../gateway/failures.js";
import type { Answer } from "../../gateway/waiter.js";
import { deviceDigest } from "./device-digest.js";

/** The request as received; none of it need be valid. */
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

/** The caller, and how the request arrived. */
export interface AuditedCaller {
  /** Empty for an unauthenticated caller. */
  readonly caller: string;
  /** Set for an unauthenticated caller: the name it claims, and why authentication failed. */
  readonly stranger?: { readonly claimed?: string; readonly why: string };
  readonly rpc: string;
  readonly priority: string;
  /** Set for a request in a stream. */
  readonly sequence?: bigint;
  /** All zeros if there is no trace. */
  readonly span: { readonly traceId: string; readonly spanId: string };
}

/** How the request ended. */
export type AuditedEnd =
  /** It was admitted. `error` is the rpc's error, if it failed. */
  | { readonly kind: "answered"; readonly answer: Answer; readonly error?: unknown }
  /** It was not admitted, and nothing was sent for it; of a submission, as far as is known. */
  | { readonly kind: "refused"; readonly error: unknown }
  /** It asked for validation only. */
  | { readonly kind: "validated" }
  /**
   * It concerns an operation, which has been submitted, stopped, or has ended. `error` is the rpc's
   * error, if it failed.
   */
  | { readonly kind: "operation"; readonly operation: AuditedOperation; readonly error?: unknown };

/** An operation at the moment of the record. */
export interface AuditedOperation {
  /** `operations/` and its id. */
  readonly name: string;
  readonly state: string;
  readonly devices: number;
  readonly calls: number;
  /** In the order of OUTCOMES. */
  readonly counts: readonly number[];
  /** Of the stop of a rollout: the plan or the report, as far as it is known. */
  readonly rollout?: AuditedRollout;
}

export interface AuditedRollout {
  readonly states: readonly string[];
  readonly keepStrategies: boolean;
  /** Absent until it has ended. */
  readonly stopped?: boolean;
  readonly jobs: readonly {
    readonly jobId: string;
    readonly kind: string;
    readonly before: Readonly<Record<string, number>>;
    readonly after: Readonly<Record<string, number>>;
    readonly strategyClosed: boolean;
    readonly swept: number;
    /** Absent if it was not counted. */
    readonly left?: number;
    readonly failure?: string;
    readonly upstreamRequestIds: readonly string[];
  }[];
  readonly otherOpenJobs?: readonly string[];
}

export interface AuditTimes {
  readonly askedWallMs: number;
  readonly durationMs: number;
}

const LONGEST_CALLER = 512;
const LONGEST_REASON = 256;
const LONGEST_ID = 128;
const LONGEST_NAME = 64;

/** The maximum for a valid request; requests with more devices were refused for that. */
const MOST_NAMES = 100_000;

/** The record also holds the total number of calls. */
const MOST_CALLS = 1000;

/** Builds the record, a JSON object. */
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
  // Sorting a hundred thousand names is too much work for an unauthenticated caller.
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
    ...("error" in end && end.error !== undefined && errorOf(end.error)),
    ...(why !== undefined && { why }),
    ...(end.kind === "operation" && { operation: end.operation.name, state: end.operation.state }),
    ...(end.kind === "operation" && end.operation.rollout && { rollout: end.operation.rollout }),
    devices: end.kind === "operation" ? end.operation.devices : deviceNames.length,
    ...(isRead && end.kind !== "operation" && { devicesSha256: deviceDigest(deviceNames) }),
    devicesByOutcome: countsOf(end, deviceNames.length),
    calls: end.kind === "operation" ? end.operation.calls : calls.length,
    upstreamRequestIds: calls.slice(0, MOST_CALLS).flatMap(({ requestId }) => requestId || []),
    ...(isTraced && { traceId: span.traceId, spanId: span.spanId }),
    ...(withNames &&
      !stranger && { deviceNames: deviceNames.slice(0, MOST_NAMES).map((name) => cut(name, LONGEST_NAME)) }),
  };
}

/**
 * Formats the line, with its line break. Escapes invisible characters, beyond what JSON requires.
 */
export function auditLine(record: object): string {
  return `${visibleJson(JSON.stringify(record))}\n`;
}

function outcomeOf(end: AuditedEnd): "ok" | "failed" | "refused" | "validated" {
  if (end.kind === "validated") return end.kind;
  if (end.kind === "refused") return mayBeStored(end.error) ? "failed" : "refused";
  return end.error === undefined ? "ok" : "failed";
}

/** Whether an operation may have been admitted all the same: the store's answer was lost. */
function mayBeStored(error: unknown): boolean {
  return error instanceof GatewayError && error.failure.kind === "submission-unknown";
}

/**
 * The kind of an error, and the upstream's code if that is the cause. Anything except a
 * GatewayError is a bug in the gateway.
 */
function errorOf(error: unknown): { readonly error: string; readonly upstreamCode?: string } {
  if (!(error instanceof GatewayError)) return { error: "internal" };
  const { kind, upstream } = error.failure;
  return { error: kind, ...(upstream?.code && { upstreamCode: cut(upstream.code, LONGEST_ID) }) };
}

/** The fields of the request that exceeded the caller's rights. */
function whyForbidden(end: AuditedEnd): string | undefined {
  if (end.kind !== "refused" || !(end.error instanceof GatewayError)) return undefined;
  return end.error.failure.kind === "forbidden" ? end.error.message : undefined;
}

function countsOf(end: AuditedEnd, devices: number): Record<DeviceOutcome["kind"], number> {
  const counts = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<DeviceOutcome["kind"], number>;
  if (end.kind === "answered") for (const { kind } of end.answer.outcomes) counts[kind]++;
  else if (end.kind === "operation") {
    for (const [index, kind] of OUTCOMES.entries()) counts[kind] = end.operation.counts[index] ?? 0;
  } else counts["not-attempted"] = devices;
  return counts;
}

function cut(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}
