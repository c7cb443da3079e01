// Serves the metrics to a scraper, collected when it asks, in Prometheus' text format 0.0.4. That
// format has no exemplars, which only OpenMetrics has and the exporter cannot write; metrics and
// traces are matched by time.
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import type { MetricData, MetricReader, ResourceMetrics } from "@opentelemetry/sdk-metrics";
import { currentGauges } from "./current-gauges.js";

/** The answer of `GET /metrics`. */
export interface MetricsPage {
  readonly contentType: string;
  readonly body: string;
}

export interface Scrape {
  /** For the SDK, besides the readers that push. */
  readonly reader: MetricReader;
  read(): Promise<MetricsPage>;
}

const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export function createScrape(): Scrape {
  const reader = currentGauges(new PrometheusExporter({ preventServerStart: true }));
  // No target_info, because the resource can hold what not everybody who reaches the port may see.
  // No scope, because there is only one.
  const serializer = new PrometheusSerializer("", false, undefined, true, true);
  let reading: Promise<MetricsPage> | undefined;
  const read = async () => {
    const { resourceMetrics } = await reader.collect();
    return { contentType: CONTENT_TYPE, body: `${serializer.serialize(withUnits(resourceMetrics))}\n` };
  };
  return {
    reader,
    read() {
      // Of two collections at once, the second would find the gauges taken by the first.
      reading ??= read().finally(() => {
        reading = undefined;
      });
      return reading;
    },
  };
}

/** Units that Prometheus' names end with. Others count things, which the name says already. */
const SUFFIXES: Readonly<Record<string, string>> = { s: "_seconds", By: "_bytes" };
const PER_SECOND = /^\{[a-z]+\}\/s$/;

/**
 * Puts the unit into each name, which OpenTelemetry's names do not hold: the same names as those
 * that receivers of OTLP make for Prometheus.
 */
function withUnits({ scopeMetrics, ...rest }: ResourceMetrics): ResourceMetrics {
  const named = (metric: MetricData): MetricData => {
    const { name, unit } = metric.descriptor;
    const suffix = PER_SECOND.test(unit) ? "_per_second" : (SUFFIXES[unit] ?? "");
    return { ...metric, descriptor: { ...metric.descriptor, name: `${name}${suffix}` } };
  };
  return {
    ...rest,
    scopeMetrics: scopeMetrics.map((scope) => ({ ...scope, metrics: scope.metrics.map(named) })),
  };
}

/** For a gateway without telemetry: the scrape succeeds, and says why it is empty. */
export async function noMetrics(): Promise<MetricsPage> {
  return { contentType: CONTENT_TYPE, body: "# no metrics: OTEL_SDK_DISABLED is set\n" };
}
