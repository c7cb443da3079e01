// Defines every span and event of the gateway with its attributes, through the OpenTelemetry API
// only, so that all of it does nothing without an SDK. No attribute holds a device name, a secret
// or a query string. observe/telemetry/metrics.ts is the counterpart for metrics.
import {
  type Attributes,
  type Context,
  context,
  INVALID_TRACEID,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { ATTR_HTTP_REQUEST_RESEND_COUNT } from "@opentelemetry/semantic-conventions";

const tracer = trace.getTracer("ota-gateway");

/** The upstream operations that are called; each is also the span name of its calls. */
export type UpstreamOperation = (typeof OPERATIONS)[number];
const OPERATIONS = [
  "CancelOTATaskByDevice",
  "ListOTATaskByJob",
  "ListOTAUnfinishedTaskByDevice",
  "BatchQueryDeviceDetail",
  "BatchGetDeviceState",
  "ListOTAJobByFirmware",
  "QueryOTAJob",
  "CancelOTAStrategyByJob",
  "CancelOTATaskByJob",
] as const;

/** These spans are always recorded, however callers are sampled. */
export const UPSTREAM_CALL_SPANS: ReadonlySet<string> = new Set(OPERATIONS);

/** The facts about a call that its span records. */
export interface CallFacts {
  readonly account: string;
  readonly productKey: string;
  readonly firmwareId: string;
  readonly jobId: string;
  readonly devices: number;
  readonly callers: number;
  readonly waiters: number;
  readonly attempt: number;
  readonly tokenWaitMs: number;
}

/** How a call ended, for its span. */
export interface CallResult {
  readonly kind: "accepted" | "refused" | "lost" | "unwritten";
  readonly requestId?: string;
  readonly code?: string;
}

/** Starts the span of an upstream call: a trace of its own, linked to every caller in the call. */
export function startCallSpan(
  operation: UpstreamOperation,
  facts: CallFacts,
  callers: readonly Span[],
): { span: Span; context: Context } {
  const links: Link[] = callers.map((caller) => ({ context: caller.spanContext() }));
  const attributes: Attributes = {
    "ota.account": facts.account,
    "ota.product_key": facts.productKey,
    "ota.firmware_id": facts.firmwareId,
    ...(facts.jobId && { "ota.job_id": facts.jobId }),
    "ota.devices": facts.devices,
    "ota.callers": facts.callers,
    "ota.waiters": facts.waiters,
    "ota.attempt": facts.attempt,
    ...(facts.attempt > 1 && { [ATTR_HTTP_REQUEST_RESEND_COUNT]: facts.attempt - 1 }),
    "ota.token_wait_ms": facts.tokenWaitMs,
  };
  const span = tracer.startSpan(operation, { kind: SpanKind.CLIENT, attributes, links }, ROOT_CONTEXT);
  return { span, context: trace.setSpan(ROOT_CONTEXT, span) };
}

/**
 * Ends the span of an upstream call, and adds an event to each open span of a caller that names
 * the call, at the time when it was sent. Before that time the caller waited for its turn, after it
 * for the upstream.
 */
export function endCallSpan(span: Span, result: CallResult, callers: readonly Span[], sentWallMs: number): void {
  const { traceId, spanId } = span.spanContext();
  const outcome: Attributes = {
    "ota.result": result.kind,
    ...(result.requestId && { "ota.upstream_request_id": result.requestId }),
    ...(result.code && { "ota.upstream_code": result.code }),
  };
  span.setAttributes(outcome);
  if (result.kind !== "accepted") span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
  const event = { ...outcome, "ota.call.trace_id": traceId, "ota.call.span_id": spanId };
  for (const caller of callers) if (caller.isRecording()) caller.addEvent("ota.upstream_call", event, sentWallMs);
}

/** Starts the span of an inbound rpc, continuing the caller's trace. */
export function startRpcSpan(method: string, caller: string, parent: Context): Span {
  const attributes = { "rpc.system.name": "grpc", "rpc.method": method, "ota.caller": caller };
  return tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, parent);
}

/**
 * Ends the span of an inbound rpc. `serverFault`: the status is one that means a failure of the
 * server.
 */
export function endRpcSpan(span: Span, status: string, serverFault: boolean): void {
  span.setAttribute("rpc.status_code", status);
  if (serverFault) span.setAttribute("error.type", status).setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/**
 * Starts the span of an operation: a trace of its own, to which its upstream calls are linked. It
 * covers one holder's work; another holder begins another.
 */
export function startOperationSpan({ id, kind, caller }: { id: string; kind: string; caller: string }): Span {
  const attributes = { "ota.operation": `operations/${id}`, "ota.operation.kind": kind, "ota.caller": caller };
  return tracer.startSpan("operation", { attributes }, ROOT_CONTEXT);
}

/**
 * The trace that a log line belongs to. Empty without an SDK, because the ids are all zeros then.
 */
export function traceOf(span: Span): { readonly traceId?: string; readonly spanId?: string } {
  const { traceId, spanId } = span.spanContext();
  return traceId === INVALID_TRACEID ? {} : { traceId, spanId };
}

/** Runs `work` with this context active, so that what it sends carries it. */
export function inContext<T>(active: Context, work: () => T): T {
  return context.with(active, work);
}
