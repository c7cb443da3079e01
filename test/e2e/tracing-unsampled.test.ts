// A gateway whose operator samples nothing. The SDK is global, hence a file of its own.
import { SpanKind } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { afterAll, describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/config.js";
import { startTelemetry } from "../../src/observe/telemetry/sdk.js";
import { createLog } from "../../src/serve/logging/create-log.js";
import { createCaller } from "../support/grpc-caller.js";
import { startHttpUpstream } from "../support/http-upstream.js";
import { KEYS, until } from "../support/processes.js";

const CALLER_TRACE = "a".repeat(32);

const exporter = new InMemorySpanExporter();
const telemetry = startTelemetry({ OTEL_TRACES_SAMPLER: "always_off" }, [new SimpleSpanProcessor(exporter)]);
afterAll(telemetry.end);

describe("OTEL_TRACES_SAMPLER=always_off", () => {
  it("leaves out everything but the upstream calls, which still say whose devices they carried", async () => {
    const upstream = await startHttpUpstream(() => ({}));
    const ports = { OTA_LISTEN: "127.0.0.1:0", OTA_ADMIN_LISTEN: "127.0.0.1:0", OTA_STARTUP_CHECK: "0" };
    const environment = { ...KEYS, ...ports, OTA_UPSTREAM_URL: upstream.url, OTA_LOG_LEVEL: "silent" };
    const { serve } = await import("../../src/serve/serve.js"); // after the SDK, as the program does it
    const gateway = await serve(readConfig(environment), createLog("silent"), environment);
    const caller = createCaller(gateway.grpc, { traceparent: `00-${CALLER_TRACE}-${"b".repeat(16)}-01` });
    await caller.cancel(["camera-1"]).answer;
    await until(() => exporter.getFinishedSpans().length > 0);
    caller.close();
    await gateway.stop();
    await upstream.close();

    const spans = exporter.getFinishedSpans();
    expect(spans.map(({ kind }) => kind)).toEqual([SpanKind.CLIENT]);
    expect(spans[0]?.links.map(({ context }) => context.traceId)).toEqual([CALLER_TRACE]);
    const { traceId, spanId } = spans[0]?.spanContext() ?? {};
    expect(upstream.calls[0]?.headers["traceparent"]).toBe(`00-${traceId}-${spanId}-01`);
  });
});
