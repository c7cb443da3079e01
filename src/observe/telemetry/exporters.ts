// Creates the exporters that the standard variables name, each with the proxy for its collector.
// The variables have been checked (variables.ts), so whatever stands in one is usable.
import { readFileSync } from "node:fs";
import type { AgentOptions } from "node:https";
import { OTLPMetricExporter as GrpcMetrics } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPMetricExporter as JsonMetrics } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter as ProtobufMetrics } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter as GrpcTraces } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonTraces } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufTraces } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  ConsoleMetricExporter,
  type IMetricReader,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from "@opentelemetry/sdk-metrics";
import {
  BatchSpanProcessor,
  ConsoleSpanExporter,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { throughProxy } from "../../network/node-http-agent.js";
import { proxyFor } from "../../network/proxy.js";
import { currentGauges } from "./current-gauges.js";
import { createZipkinExporter } from "./zipkin.js";

type Variables = Readonly<Record<string, string | undefined>>;

const COLLECTOR = "http://localhost:4318";

const INTERVAL_MS = 60_000;
const TIMEOUT_MS = 30_000;

/** One processor for each exporter of spans. */
export function createSpanProcessors(environment: Variables): SpanProcessor[] {
  return [...exporterNames(environment["OTEL_TRACES_EXPORTER"])].flatMap((name): SpanProcessor[] => {
    // The console is for a look at a single span, so it does not wait for a batch.
    if (name === "console") return [new SimpleSpanProcessor(new ConsoleSpanExporter())];
    const exporter = spanExporter(name, environment);
    return exporter ? [new BatchSpanProcessor(exporter)] : [];
  });
}

/**
 * One reader for each exporter of metrics. `prometheus` adds nothing and opens no port, because the
 * admin port always serves it.
 */
export function createMetricReaders(environment: Variables): IMetricReader[] {
  const names = exporterNames(environment["OTEL_METRICS_EXPORTER"]);
  const exportIntervalMillis = Number(environment["OTEL_METRIC_EXPORT_INTERVAL"]) || INTERVAL_MS;
  const wantedMs = Number(environment["OTEL_METRIC_EXPORT_TIMEOUT"]) || TIMEOUT_MS;
  const pace = { exportIntervalMillis, exportTimeoutMillis: Math.min(wantedMs, exportIntervalMillis) };
  return [
    ...(names.has("otlp") ? [metricExporter(environment)] : []),
    ...(names.has("console") ? [new ConsoleMetricExporter()] : []),
  ].map((exporter) => currentGauges(new PeriodicExportingMetricReader({ exporter, ...pace })));
}

/** None, if one of the names is `none`. */
function exporterNames(list: string | undefined): ReadonlySet<string> {
  const names = new Set((list?.trim() || "otlp").split(",").map((name) => name.trim()));
  return names.has("none") ? new Set() : names;
}

function spanExporter(name: string, environment: Variables): SpanExporter | undefined {
  if (name === "zipkin") return createZipkinExporter(environment);
  if (name !== "otlp") return undefined;
  switch (valueFor("TRACES", "PROTOCOL", environment)) {
    case "grpc":
      return new GrpcTraces();
    case "http/json":
      return new JsonTraces(connectionFor("TRACES", environment));
    default:
      return new ProtobufTraces(connectionFor("TRACES", environment));
  }
}

function metricExporter(environment: Variables): PushMetricExporter {
  switch (valueFor("METRICS", "PROTOCOL", environment)) {
    case "grpc":
      return new GrpcMetrics();
    case "http/json":
      return new JsonMetrics(connectionFor("METRICS", environment));
    default:
      return new ProtobufMetrics(connectionFor("METRICS", environment));
  }
}

type Signal = "TRACES" | "METRICS";

/** How an exporter over HTTP connects. It reads everything else from the variables by itself. */
function connectionFor(signal: Signal, environment: Variables): { readonly httpAgentOptions: AgentOptions } {
  const fileOf = (name: string) => {
    const path = valueFor(signal, name, environment);
    return path ? readFileSync(path) : undefined;
  };
  const proxy = proxyFor(new URL(valueFor(signal, "ENDPOINT", environment) || COLLECTOR), environment);
  return {
    httpAgentOptions: {
      keepAlive: true,
      ca: fileOf("CERTIFICATE"),
      cert: fileOf("CLIENT_CERTIFICATE"),
      key: fileOf("CLIENT_KEY"),
      ...throughProxy(proxy),
    },
  };
}

/** The variable of the signal, or else the one for all signals. */
function valueFor(signal: Signal, name: string, environment: Variables): string | undefined {
  return (
    environment[`OTEL_EXPORTER_OTLP_${signal}_${name}`]?.trim() || environment[`OTEL_EXPORTER_OTLP_${name}`]?.trim()
  );
}
