// The metrics as a scraper reads them, collected when it asks: Prometheus' text format 0.0.4. That has no
// exemplars, which only OpenMetrics knows and the exporter cannot write: the way from a metric to traces is by time.
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import type { MetricReader } from "@opentelemetry/sdk-metrics";

/** What `GET /metrics` answers. */
export interface MetricsPage {
  readonly contentType: string;
  readonly body: string;
}

export interface Scrape {
  /** For the SDK, beside those that push. */
  readonly reader: MetricReader;
  read(): Promise<MetricsPage>;
}

const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export function createScrape(): Scrape {
  const reader = new PrometheusExporter({ preventServerStart: true });
  // No target_info: the resource can hold what not everybody who reaches the port may know. No scope: there is one.
  const serializer = new PrometheusSerializer("", false, undefined, true, true);
  return {
    reader,
    async read() {
      const { resourceMetrics } = await reader.collect();
      return { contentType: CONTENT_TYPE, body: `${serializer.serialize(resourceMetrics)}\n` };
    },
  };
}

/** Where nothing is measured: a scrape that succeeds and says why it finds nothing. */
export async function noMetrics(): Promise<MetricsPage> {
  return { contentType: CONTENT_TYPE, body: "# nothing is measured: OTEL_SDK_DISABLED is set\n" };
}
