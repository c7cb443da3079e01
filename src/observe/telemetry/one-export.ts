// Spans are exported one batch at a time. The SDK's processor means to do that, and forgets it when an export fails:
// the next has begun by then, and it notes that none is under way. So each failure added one to those that are under
// way at once, up to the thirty that an exporter takes: spans that a gateway holds while its collector is away.
import { diag } from "@opentelemetry/api";
import type { SpanProcessor } from "@opentelemetry/sdk-trace-base";

/** What a batching processor of the SDK does for one batch, which it shows to nobody. */
interface Batching extends SpanProcessor {
  _flushOneBatch(): Promise<void>;
}

/** The same processor. Spans that cannot be exported are dropped, as ever; it hears of no failure. */
export function oneExportAtATime(processor: SpanProcessor): SpanProcessor {
  if (!isBatching(processor)) return processor;
  const flush = processor._flushOneBatch.bind(processor);
  const tell = (error: Error) => diag.error(`spans were not exported: ${error.message}`);
  return Object.assign(processor, { _flushOneBatch: () => flush().catch(tell) });
}

function isBatching(processor: SpanProcessor): processor is Batching {
  return "_flushOneBatch" in processor;
}
