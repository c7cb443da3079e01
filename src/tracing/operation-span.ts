// The span of an operation that outlives its rpc: a trace of its own, to which its upstream calls
// are linked. It covers one holder's work; another holder begins another.
import { ROOT_CONTEXT, type Span, trace } from "@opentelemetry/api";

const tracer = trace.getTracer("ota-gateway");

export function startOperationSpan({ id, kind, caller }: { id: string; kind: string; caller: string }): Span {
  const attributes = { "ota.operation": `operations/${id}`, "ota.operation.kind": kind, "ota.caller": caller };
  return tracer.startSpan("operation", { attributes }, ROOT_CONTEXT);
}
