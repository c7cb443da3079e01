// What the SDK is started with. It is global, so all tests share one.
import { metrics, trace } from "@opentelemetry/api";
import { resources } from "@opentelemetry/sdk-node";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { afterAll, describe, expect, it } from "vitest";
import { OUTCOMES } from "../../../../src/gateway/device-outcome.js";
import { createMetrics } from "../../../../src/observe/telemetry/metrics.js";
import { startTelemetry } from "../../../../src/observe/telemetry/sdk.js";
import { until } from "../../../support/processes.js";
import { parsePrometheus, sumOf } from "../../../support/prometheus-text.js";

const exporter = new InMemorySpanExporter();
const disabled = startTelemetry({ OTEL_SDK_DISABLED: " True" });
const noopMeter = metrics.getMeter("ota-gateway");
const telemetry = startTelemetry({ OTEL_SPAN_EVENT_COUNT_LIMIT: "0" }, [new SimpleSpanProcessor(exporter)]);
afterAll(telemetry.end);

describe("startTelemetry", () => {
  it("measures nothing if the SDK is disabled, and says so", async () => {
    expect((await disabled.readMetrics()).body).toMatch(/^# .*OTEL_SDK_DISABLED.*\n$/);
    expect(noopMeter.constructor.name).toBe("NoopMeter");
    await disabled.end();
  });

  it("reads metrics without any exporter", async () => {
    createMetrics([], OUTCOMES).rpcEnded("a.B/C", "OK", false, 1);
    const { contentType, body } = await telemetry.readMetrics();
    expect(contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(body).toContain('rpc_server_call_duration_seconds_count{rpc_system_name="grpc",rpc_method="a.B/C"');
  });

  it("counts the devices of however many callers are configured (was: of 285, and of nobody else)", async () => {
    const callers = Array.from({ length: 400 }, (_, n) => `caller-${n}`);
    const account = createMetrics(callers, OUTCOMES).account("many");
    for (let time = 1; time <= 2; time++) {
      for (const caller of [...callers, "nobody"]) account.answered(caller, [{ kind: "accepted" }]);
      const families = parsePrometheus((await telemetry.readMetrics()).body);
      const labels = { ota_account: "many", ota_outcome: "accepted" };
      expect(sumOf(families, "ota_devices_total", labels)).toBe(401 * time);
      expect(sumOf(families, "ota_devices_total", { ...labels, ota_caller: "other" })).toBe(time);
    }
  });

  it("takes a limit of 0 for what it is (was: 1,024)", () => {
    const tracer = trace.getTracer("test");
    const link = { context: tracer.startSpan("other").spanContext() };
    const span = tracer.startSpan("limited", { links: Array.from({ length: 200 }, () => link) });
    span.addEvent("event");
    expect(span).toMatchObject({ events: [], links: { length: 200 } });
  });

  it("tells of the process everything but its arguments, which can hold a secret", async () => {
    trace.getTracer("test").startSpan("one").end();
    await until(() => exporter.getFinishedSpans().length > 0); // once the host is known
    const [span] = exporter.getFinishedSpans();
    expect(span?.resource.attributes).toMatchObject({ "process.pid": process.pid, "service.name": "ota-gateway" });
    expect(span?.resource.attributes).not.toHaveProperty("process.command_args");
    const { attributes: host = {} } = resources.hostDetector.detect();
    expect(span?.resource.attributes["host.name"]).toBe(host["host.name"]);
    expect(span?.resource.attributes["host.id"]).toBe(await host["host.id"]);
  });
});
