// Starts the OpenTelemetry SDK from the standard OTEL_* variables. Only `serve` and
// `demo` import it, before anything else; all other modules know only the API.
import type { IMetricReader, ViewOptions } from "@opentelemetry/sdk-metrics";
import { NodeSDK, resources } from "@opentelemetry/sdk-node";
import type { SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { systemClock } from "../../base/clock.js";
import { withDeadline } from "../../base/deadline.js";
import { flatten } from "../../base/flat-string.js";
import { CallStackContext } from "./call-stack-context.js";
import { createMetricReaders, createSpanProcessors } from "./exporters.js";
import { createScrape, type MetricsPage, noMetrics } from "./prometheus.js";
import { UpstreamCallsSampler } from "./sampler.js";
import { oneExportAtATime } from "./serial-export.js";

/** A call links to every caller in it: its 200 devices can belong to more than 200 callers. */
const MAX_LINKS = 1024;

/**
 * There are 7 series for each configured caller. Beyond the default of 2,000 series, the SDK would
 * lose counts.
 */
const DEVICES: ViewOptions = { instrumentName: "ota.devices", aggregationCardinalityLimit: 10_000_000 };

/** Bounds the shutdown, so that a backend that is down does not delay the end of the process. */
const SHUTDOWN_MS = 2000;

/**
 * Shorter for metrics, which unlike spans always exist, so that an idle gateway without a collector
 * ends at once.
 */
const LAST_METRICS_MS = 300;

type Variables = Readonly<Record<string, string | undefined>>;

export interface Telemetry {
  /** Collects the current metrics for a scraper. */
  readMetrics(): Promise<MetricsPage>;
  /** Flushes and ends everything. */
  end(): Promise<void>;
}

/** Starts the SDK. `spanProcessors` replace the exporters of spans and of metrics. */
export function startTelemetry(environment: Variables, spanProcessors?: SpanProcessor[]): Telemetry {
  const isDisabled = environment["OTEL_SDK_DISABLED"]?.trim().toLowerCase() === "true";
  if (isDisabled) return { readMetrics: noMetrics, end: async () => {} };
  const named = environment["OTEL_SERVICE_NAME"] || environment["OTEL_RESOURCE_ATTRIBUTES"]?.includes("service.name=");
  const scrape = createScrape();
  const sdk = new NodeSDK({
    ...(!named && { serviceName: "ota-gateway" }),
    ...(!environment["OTEL_NODE_RESOURCE_DETECTORS"] && { resourceDetectors: RESOURCE_DETECTORS }),
    sampler: new UpstreamCallsSampler(environment),
    spanLimits: {
      eventCountLimit: Number(environment["OTEL_SPAN_EVENT_COUNT_LIMIT"]?.trim() || MAX_LINKS),
      linkCountLimit: Number(environment["OTEL_SPAN_LINK_COUNT_LIMIT"]?.trim() || MAX_LINKS),
    },
    contextManager: new CallStackContext(),
    views: [DEVICES],
    instrumentations: [],
    metricReaders: [scrape.reader, ...(spanProcessors ? [] : createMetricReaders(environment).map(soonEnded))],
    spanProcessors: spanProcessors ?? createSpanProcessors(environment).map(oneExportAtATime),
    logRecordProcessors: [], // the gateway writes its log itself
  });
  sdk.start();
  return {
    readMetrics: scrape.read,
    async end() {
      const untilMs = systemClock.now() + SHUTDOWN_MS;
      await withDeadline(systemClock, untilMs, sdk.shutdown()).catch(() => {}); // the rest is dropped
    },
  };
}

function soonEnded(reader: IMetricReader): IMetricReader {
  const shutdown = reader.shutdown.bind(reader);
  return Object.assign(reader, { shutdown: () => shutdown({ timeoutMillis: LAST_METRICS_MS }).catch(() => {}) });
}

/**
 * The SDK's detectors, except the command line, which may hold a secret. The host id is limited to
 * one line.
 */
const RESOURCE_DETECTORS: resources.ResourceDetector[] = [
  resources.envDetector,
  {
    detect(config) {
      const { attributes = {}, ...rest } = resources.processDetector.detect(config);
      const { "process.command_args": _, ...others } = attributes;
      return { ...rest, attributes: others };
    },
  },
  {
    detect(config) {
      const { attributes = {}, ...rest } = resources.hostDetector.detect(config);
      const whole = async () => {
        const id = await attributes["host.id"];
        return typeof id === "string" ? flatten(id) : id;
      };
      return { ...rest, attributes: { ...attributes, "host.id": whole() } };
    },
  },
];
