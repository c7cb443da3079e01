import { describe, expect, it } from "vitest";
import { settleTelemetryVariables } from "../../../../src/observe/telemetry/variables.js";

/** What the SDK is left with, and what is said. */
function settled(given: Record<string, string>) {
  const environment: Record<string, string | undefined> = { ...given };
  const mistakes = settleTelemetryVariables(environment);
  return { environment, mistakes };
}

describe("settleTelemetryVariables", () => {
  it("keeps the attributes that can be read, and says which cannot (was: it dropped them all, silently)", () => {
    const { environment, mistakes } = settled({
      OTEL_RESOURCE_ATTRIBUTES: "service.name=gw,team=50%,a=b=c,=x,y,b=%20",
    });
    expect(environment["OTEL_RESOURCE_ATTRIBUTES"]).toBe("service.name=gw,b=%20");
    expect(mistakes).toEqual([
      'OTEL_RESOURCE_ATTRIBUTES: "team" has a "%" that begins no percent-encoding; write %25; it is left out',
      'OTEL_RESOURCE_ATTRIBUTES: "a" has an "=" in its value; write %3D; it is left out',
      "OTEL_RESOURCE_ATTRIBUTES: entry 4 is not name=value; it is left out",
      "OTEL_RESOURCE_ATTRIBUTES: entry 5 is not name=value; it is left out",
    ]);
    expect(settled({ OTEL_RESOURCE_ATTRIBUTES: `a=${"x".repeat(256)}` }).mistakes).toHaveLength(1);
  });

  it("never shows what may be a key of the collector", () => {
    const { environment, mistakes } = settled({
      OTEL_EXPORTER_OTLP_HEADERS: "api-key=s3cr3t%,authorization=Bearer%20x,s3cr3t",
      OTEL_EXPORTER_OTLP_LOGS_HEADERS: "api-key=s3cr3t%", // was: with OTEL_LOG_LEVEL, the gateway did not start
      OTEL_EXPORTER_OTLP_ENDPOINT: "ftp://me:s3cr3t@host",
    });
    expect(environment).toEqual({ OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20x" });
    expect(mistakes).toHaveLength(4);
    expect(mistakes.join()).not.toContain("s3cr3t");
  });

  it.each([
    ["OTEL_SDK_DISABLED", "yes"],
    ["OTEL_LOG_LEVEL", "chatty"],
    ["OTEL_TRACES_SAMPLER", "sometimes"],
    ["OTEL_TRACES_SAMPLER_ARG", "1.5"],
    ["OTEL_TRACES_SAMPLER_ARG", "half"],
    ["OTEL_TRACES_EXPORTER", "jaeger"],
    ["OTEL_METRICS_EXPORTER", "statsd"],
    ["OTEL_PROPAGATORS", "w3c"],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "http"],
    ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/xml"],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "10s"],
    ["OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318"], // was: the gateway did not start
    ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "collector:4318"],
    ["OTEL_EXPORTER_ZIPKIN_ENDPOINT", "zipkin:9411"], // was: an unhandled rejection
    ["OTEL_EXPORTER_ZIPKIN_TIMEOUT", "10s"],
    ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "both"],
    ["OTEL_BSP_SCHEDULE_DELAY", "-1"],
    ["OTEL_BSP_MAX_QUEUE_SIZE", "many"],
    ["OTEL_METRIC_EXPORT_INTERVAL", "60s"],
    ["OTEL_METRIC_EXPORT_INTERVAL", "2147483648"], // was: an export every millisecond
    ["OTEL_SPAN_LINK_COUNT_LIMIT", "1.5"],
    ["OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file"],
  ])("says once that %s=%s is a mistake, and leaves the default", (name, value) => {
    const { environment, mistakes } = settled({ [name]: value });
    expect(mistakes).toEqual([expect.stringContaining(`${name}: `)]);
    expect(environment).toEqual({});
  });

  it.each([
    ["OTEL_SDK_DISABLED", " TRUE ", "true"],
    ["OTEL_TRACES_SAMPLER", "ParentBased_TraceIdRatio", "parentbased_traceidratio"],
    ["OTEL_TRACES_SAMPLER_ARG", "0.25", "0.25"],
    ["OTEL_TRACES_EXPORTER", "otlp, jaeger ,console", "otlp,console"],
    ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://collector/v1/traces", "https://collector/v1/traces"],
    ["OTEL_SERVICE_NAME", "gw 50%", "gw 50%"],
    ["OTEL_SPAN_EVENT_COUNT_LIMIT", "0", "0"],
  ])("reads %s=%s as the specification says", (name, value, usable) => {
    expect(settled({ [name]: value }).environment).toEqual({ [name]: usable });
  });

  it("leaves host:port to gRPC, whose protocol may be that of one signal (was: not started, or nothing exported)", () => {
    const of = (name: string) => `OTEL_EXPORTER_OTLP_${name}`;
    const all = { [of("ENDPOINT")]: "collector:4317", [of("PROTOCOL")]: "grpc" };
    expect(settled(all)).toEqual({ environment: all, mistakes: [] });
    const metrics = { [of("METRICS_ENDPOINT")]: "collector:4317", [of("METRICS_PROTOCOL")]: "grpc" };
    expect(settled({ ...metrics, [of("ENDPOINT")]: "http://collector:4318" }).mistakes).toEqual([]);
    expect(settled({ ...metrics, [of("TRACES_ENDPOINT")]: "collector:4317" })).toEqual({
      environment: metrics,
      mistakes: [expect.stringContaining("unless the protocol is grpc")],
    });
  });

  it("takes an empty variable for an unset one", () => {
    expect(settled({ OTEL_TRACES_SAMPLER: "", OTEL_BSP_MAX_QUEUE_SIZE: " " })).toEqual({
      environment: {},
      mistakes: [],
    });
  });

  it("bounds a batch by the queue that it comes from", () => {
    const small = { OTEL_BSP_MAX_QUEUE_SIZE: "100" };
    const bounded = { ...small, OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "100" };
    expect(settled(small)).toEqual({ environment: bounded, mistakes: [] });
    const { environment, mistakes } = settled({ ...small, OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "200" });
    expect([environment, mistakes.length]).toEqual([bounded, 1]);
  });
});
