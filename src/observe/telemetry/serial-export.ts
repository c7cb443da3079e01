// Exports spans one batch at a time. The SDK's processor is meant to, but forgets it when an export
// fails: the next one has begun by then, and the processor notes that none is under way. So each
// failure adds one more concurrent export, up to the thirty that an exporter allows, with spans
// that the gateway holds while its collector is away. docs/maintaining.md lists the private method.
import { diag } from "@opentelemetry/api";
import { BatchSpanProcessor, type SpanProcessor } from "@opentelemetry/sdk-trace-base";

/** The version that the tests have passed on. */
const TESTED = "2.12.0";

/** The private method of the SDK's batching processor that exports one batch. */
interface Batching extends SpanProcessor {
  _flushOneBatch?(): Promise<void>;
}

/**
 * Returns the same processor, fixed if it is a batching one. Spans that cannot be exported are
 * dropped, as before; failures are only logged. Throws if the SDK is one that cannot be fixed.
 */
export function oneExportAtATime(processor: SpanProcessor): SpanProcessor {
  if (!(processor instanceof BatchSpanProcessor)) return processor;
  const batching = processor as unknown as Batching;
  const flush = batching._flushOneBatch?.bind(batching);
  if (!flush) {
    throw new Error(
      "@opentelemetry/sdk-trace-base has no BatchSpanProcessor._flushOneBatch, which the gateway needs to bound its " +
        `exports; it was tested with ${TESTED}: use that version, or see docs/maintaining.md`,
    );
  }
  const tell = (error: Error) => diag.error(`spans were not exported: ${error.message}`);
  return Object.assign(batching, { _flushOneBatch: () => flush().catch(tell) });
}
