// Starts the OpenTelemetry SDK from the standard OTEL_* variables. Imported by `serve` alone and before
// anything else; all other modules know only the API.
import {
  ConsoleMetricExporter,
  type IMetricReader,
  PeriodicExportingMetricReader,
  type ViewOptions,
} from "@opentelemetry/sdk-metrics";
import { NodeSDK, resources } from "@opentelemetry/sdk-node";
import type { SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { systemClock } from "../../base/clock.js";
import { withDeadline } from "../../base/deadline.js";
import { flatten } from "../../base/flat-string.js";
import { CallStackContext } from "./call-stack-context.js";
import { oneExportAtATime } from "./one-export.js";
import { createScrape, type MetricsPage, noMetrics } from "./prometheus.js";
import { UpstreamCallsSampler } from "./sampler.js";
import { sdkNodeInternals } from "./sdk-node-internals.js";

const { getOtlpMetricExporterFromEnv, getPeriodicExportingMetricReaderFromEnv, getSpanProcessorsFromEnv } =
  sdkNodeInternals();

/** A call links to everybody in the call: 200 devices, which more than 200 callers can have asked for. */
const MAX_LINKS = 1024;

/**
 * As many series as there are callers in the configuration, times 7: beyond 2,000, the SDK would lose what they count.
 */
const DEVICES: ViewOptions = { instrumentName: "ota.devices", aggregationCardinalityLimit: 10_000_000 };

/** A backend that is down must not hold up the end of the process. */
const SHUTDOWN_MS = 2000;

/** Less for metrics: unlike spans there are always some, and an idle gateway without a collector ends at once. */
const LAST_METRICS_MS = 300;

type Variables = Readonly<Record<string, string | undefined>>;

export interface Telemetry {
  /** The metrics as they are now, for whoever scrapes them. */
  readMetrics(): Promise<MetricsPage>;
  /** Flushes and ends it all. */
  end(): Promise<void>;
}

/** Starts the SDK. `spanProcessors` take the place of the exporters, of spans and of metrics. */
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
      eventCountLimit: Number(environment["OTEL_SPAN_EVENT_COUNT_LIMIT"]) || MAX_LINKS,
      linkCountLimit: Number(environment["OTEL_SPAN_LINK_COUNT_LIMIT"]) || MAX_LINKS,
    },
    contextManager: new CallStackContext(),
    views: [DEVICES],
    instrumentations: [],
    metricReaders: [scrape.reader, ...(spanProcessors ? [] : pushingReaders(environment["OTEL_METRICS_EXPORTER"]))],
    spanProcessors: spanProcessors ?? getSpanProcessorsFromEnv(undefined).map(oneExportAtATime),
  });
  sdk.start();
  return {
    readMetrics: scrape.read,
    async end() {
      const untilMs = systemClock.now() + SHUTDOWN_MS;
      await withDeadline(systemClock, untilMs, sdk.shutdown()).catch(() => {}); // what could not be exported is dropped
    },
  };
}

/**
 * As the standard says. `prometheus` adds nothing to what the admin port answers always, and opens no port of its own.
 */
function pushingReaders(exporters = ""): IMetricReader[] {
  const names = new Set((exporters.trim() || "otlp").split(",").map((name) => name.trim()));
  const readers: IMetricReader[] = [];
  if (names.has("none")) return readers;
  if (names.has("otlp"))
    readers.push(soonEnded(getPeriodicExportingMetricReaderFromEnv(getOtlpMetricExporterFromEnv())));
  if (names.has("console")) readers.push(new PeriodicExportingMetricReader({ exporter: new ConsoleMetricExporter() }));
  return readers;
}

function soonEnded(reader: IMetricReader): IMetricReader {
  const shutdown = reader.shutdown.bind(reader);
  return Object.assign(reader, { shutdown: () => shutdown({ timeoutMillis: LAST_METRICS_MS }).catch(() => {}) });
}

/**
 * The SDK's own, but for the command line: somebody may have put a secret there; and the host's id is cut from a line.
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
