// Exports spans one batch at a time. The SDK's processor is meant to, but forgets it when an export
// fails: the next one has begun by then, and the processor notes that none is under way. So each
// failure adds one more concurrent export, up to the thirty that an exporter allows, with spans
// that the gateway holds while its collector is away.
import { diag } from "@opentelemetry/api";
import type { SpanProcessor } from "@opentelemetry/sdk-trace-base";

/** The private method of the SDK's batching processor that exports one batch. */
interface Batching extends SpanProcessor {
  _flushOneBatch(): Promise<void>;
}

/**
 * Returns the same processor, fixed. Spans that cannot be exported are dropped, as before; failures
 * are only logged.
 */
export function oneExportAtATime(processor: SpanProcessor): SpanProcessor {
  if (!isBatching(processor)) return processor;
  const flush = processor._flushOneBatch.bind(processor);
  const tell = (error: Error) => diag.error(`spans were not exported: ${error.message}`);
  return Object.assign(processor, { _flushOneBatch: () => flush().catch(tell) });
}

function isBatching(processor: SpanProcessor): processor is Batching {
  return "_flushOneBatch" in processor;
}
