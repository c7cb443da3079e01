// Starts the OpenTelemetry SDK from the standard OTEL_* variables. Imported by `serve` alone and before
// anything else; all other modules know only the API.
import { NodeSDK } from "@opentelemetry/sdk-node";
import type { SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { UpstreamCallsSampler } from "./sampler.js";

/** A call links to everybody on board: 200 devices, which more than 200 callers can have asked for. */
const MAX_LINKS = 1024;

/** A backend that is down must not hold up the end of the process. */
const SHUTDOWN_MS = 2000;

/** Starts the SDK and returns what flushes and ends it. `spanProcessors` take the place of the exporters. */
export function startTelemetry(
  environment: Readonly<Record<string, string | undefined>>,
  spanProcessors?: SpanProcessor[],
): () => Promise<void> {
  const named = environment["OTEL_SERVICE_NAME"] || environment["OTEL_RESOURCE_ATTRIBUTES"]?.includes("service.name=");
  const sdk = new NodeSDK({
    ...(!named && { serviceName: "ota-gateway" }),
    sampler: new UpstreamCallsSampler(environment),
    spanLimits: { linkCountLimit: Number(environment["OTEL_SPAN_LINK_COUNT_LIMIT"]) || MAX_LINKS },
    instrumentations: [],
    ...(spanProcessors && { spanProcessors }),
  });
  sdk.start();
  return async () => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, SHUTDOWN_MS);
    });
    await Promise.race([sdk.shutdown().catch(() => {}), late]); // what could not be exported is dropped
    clearTimeout(timer);
  };
}
