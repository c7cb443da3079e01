// The spans of a gateway in this process, as an exporter gets them, and what of them travels: in from callers
// as gRPC metadata, out to the upstream as an HTTP header. The SDK is global, so all tests share one gateway.
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/config.js";
import { startTelemetry, type Telemetry } from "../../src/observe/telemetry/sdk.js";
import { createLog } from "../../src/serve/logging/create-log.js";
import { createCaller } from "../support/grpc-caller.js";
import { failureOf } from "../support/grpc-failure.js";
import { type HttpUpstream, startHttpUpstream } from "../support/http-upstream.js";
import { KEYS, until } from "../support/processes.js";
import { waitingDevices } from "../support/waiting-devices.js";

const RPC = "ota.v1.OtaService/CancelTasksByDevice";
const CALLERS = 150;
const DEVICE = "camera-of-somebody";

const exporter = new InMemorySpanExporter();
let telemetry: Telemetry;
let upstream: HttpUpstream;
let gateway: { readonly grpc: string; stop(): Promise<void> };
let throttlesLeft = 1;
/** Until then, the calls of the firmware "held" hold all tokens. */
const tokensFree = Promise.withResolvers<void>();

beforeAll(async () => {
  telemetry = startTelemetry({}, [new SimpleSpanProcessor(exporter)]);
  upstream = await startHttpUpstream(async ({ parameters }) => {
    switch (parameters.get("FirmwareId")) {
      case "held":
        await tokensFree.promise;
        return {};
      case "throttled-once":
        return throttlesLeft-- > 0 ? { status: 503, fields: { Code: "Throttling.User", Message: "slow down" } } : {};
      case "unknown-device":
        return { fields: { Success: false, Code: "iot.device.NotExistedDevice", ErrorMessage: `no ${DEVICE}` } };
      default:
        return {};
    }
  });
  const environment = {
    ...KEYS,
    OTA_LISTEN: "127.0.0.1:0",
    OTA_ADMIN_LISTEN: "127.0.0.1:0",
    OTA_STARTUP_CHECK: "0",
    OTA_UPSTREAM_URL: upstream.url,
    OTA_LOG_LEVEL: "silent",
    OTA_UPSTREAM_TIMEOUT_MS: "120000",
  };
  const { serve } = await import("../../src/serve/serve.js"); // after the SDK, as the program does it
  gateway = await serve(readConfig(environment), createLog("silent"), environment);
});
afterAll(async () => {
  await gateway.stop();
  await upstream.close();
  await telemetry.end();
});

/** The trace context that each caller sends; `n` is visible in the IDs. */
const traceIdOf = (n: number) => `${n + 1}`.padStart(32, "a");
const spanIdOf = (n: number) => `${n + 1}`.padStart(16, "b");

/** Asks as caller `n`, in a trace of its own. */
function ask(n: number, firmwareId: string, name = `${DEVICE}-${n}`, more = {}): Promise<unknown> {
  const caller = createCaller(gateway.grpc, {
    "x-ota-caller": `service-${n}`,
    traceparent: `00-${traceIdOf(n)}-${spanIdOf(n)}-01`,
    baggage: "customer=somebody",
  });
  return caller.cancel([name], { firmwareId, ...more }).answer.finally(() => caller.close());
}

/** The exported spans of this firmware's calls. */
function calls(firmwareId: string): ReadableSpan[] {
  return exporter.getFinishedSpans().filter(({ attributes }) => attributes["ota.firmware_id"] === firmwareId);
}

describe("the spans of many callers in one call", () => {
  let call: ReadableSpan;
  let servers: ReadableSpan[];
  let sent: HttpUpstream["calls"];
  beforeAll(async () => {
    // All of them wait before a token is free, however long it takes them to arrive.
    const held = Array.from({ length: 10 }, (_, n) =>
      ask(CALLERS + n, "held", `${DEVICE}-${n}`, { jobId: `held-${n}` }),
    );
    await until(() => upstream.calls.length === 10);
    const asked = Array.from({ length: CALLERS }, (_, n) => ask(n, "good"));
    await until(async () => (await waitingDevices(gateway.grpc)) === CALLERS);
    tokensFree.resolve();
    await Promise.all([...held, ...asked]);
    const traceIds = new Set(Array.from({ length: CALLERS }, (_, n) => traceIdOf(n)));
    const finished = () => exporter.getFinishedSpans().filter((span) => traceIds.has(span.spanContext().traceId));
    await until(() => finished().length >= CALLERS && calls("good").length > 0);
    servers = finished();
    [call] = calls("good") as [ReadableSpan];
    sent = upstream.calls.filter(({ parameters }) => parameters.get("FirmwareId") === "good");
  });

  it("continue the trace that each caller gave in metadata", () => {
    expect(servers).toHaveLength(CALLERS);
    for (const [n, span] of byTrace(servers).entries()) {
      expect(span.name).toBe(RPC);
      expect(span.spanContext().traceId).toBe(traceIdOf(n));
      expect(span.parentSpanContext).toMatchObject({ spanId: spanIdOf(n), isRemote: true });
      expect(span.status.code).toBe(SpanStatusCode.UNSET);
      expect(span.attributes).toEqual({
        "rpc.system.name": "grpc",
        "rpc.method": RPC,
        "rpc.status_code": "OK",
        "ota.caller": `service-${n}`,
      });
    }
  });

  it("are linked from the one span of the call, all of them", () => {
    expect(sent).toHaveLength(1);
    expect(call.parentSpanContext).toBeUndefined();
    expect(call.droppedLinksCount).toBe(0);
    const linked = call.links.map(({ context }) => context.spanId).sort();
    expect(linked).toEqual(servers.map((span) => span.spanContext().spanId).sort());
  });

  it("each tell when it was sent: what they waited for is theirs before it, and the upstream's after it", () => {
    // The wall clock is read in whole ms, rounded down. The end of a span is its start by that clock and
    // what a monotonic clock has counted since, so that it may be up to 1 ms too early: where a call
    // took less, it is before the time at which the call was sent.
    const at = ([seconds, nanos]: readonly [number, number]) => seconds * 1000 + nanos / 1e6;
    for (const { startTime, endTime, events } of servers) {
      const [event] = events;
      const sentMs = at(event?.time ?? [0, 0]);
      expect(sentMs).toBeGreaterThanOrEqual(at(startTime));
      expect(sentMs).toBeLessThanOrEqual(at(call.startTime) + 1); // clocks tell whole ms
      expect(sentMs).toBeLessThan(at(endTime) + 1);
    }
  });

  it("each tell which call carried the devices", () => {
    const { traceId, spanId } = call.spanContext();
    for (const { events } of servers) {
      expect(events.map(({ name, attributes }) => ({ name, attributes }))).toEqual([
        {
          name: "ota.upstream_call",
          attributes: {
            "ota.result": "accepted",
            "ota.upstream_request_id": sent[0]?.requestId,
            "ota.call.trace_id": traceId,
            "ota.call.span_id": spanId,
          },
        },
      ]);
    }
  });

  it("reach the upstream as the span of the call, and callers' baggage does not", () => {
    const { traceId, spanId } = call.spanContext();
    expect(sent[0]?.headers).toMatchObject({ traceparent: `00-${traceId}-${spanId}-01` });
    expect(sent[0]?.headers).not.toHaveProperty("baggage");
  });

  it("say of the call what HTTP and the gateway know of it", () => {
    const { port } = new URL(upstream.url);
    expect(call.attributes).toMatchObject({
      "http.request.method": "POST",
      "http.response.status_code": 200,
      "url.full": `${upstream.url}/`,
      "server.address": "127.0.0.1",
      "server.port": Number(port),
      "ota.product_key": "a1EmulatorPk",
      "ota.devices": CALLERS,
      "ota.callers": CALLERS,
      "ota.attempt": 1,
      "ota.result": "accepted",
      "ota.upstream_request_id": sent[0]?.requestId,
    });
    expect(call.attributes["ota.token_wait_ms"]).toBeGreaterThan(0);
  });
});

describe("the spans of what goes wrong", () => {
  it("are one for each attempt of a call", async () => {
    await ask(200, "throttled-once");
    await until(() => calls("throttled-once").length === 2);
    const [first, second] = calls("throttled-once");
    expect(first?.attributes).toMatchObject({
      "ota.attempt": 1,
      "ota.result": "refused",
      "ota.upstream_code": "Throttling.User",
      "http.response.status_code": 503,
      "error.type": "503",
    });
    expect(first?.status.code).toBe(SpanStatusCode.ERROR);
    expect(second?.attributes).toMatchObject({ "ota.attempt": 2, "ota.result": "accepted" });
    const [server] = await serversOf(200);
    expect(server?.events.map(({ attributes }) => attributes?.["ota.call.span_id"])).toEqual(
      [first, second].map((span) => span?.spanContext().spanId),
    );
  });

  it("are errors of the call, but not of the server, when the upstream refuses", async () => {
    await failureOf(ask(201, "unknown-device"));
    const [server] = await serversOf(201);
    expect(server?.attributes).toMatchObject({ "rpc.status_code": "NOT_FOUND" });
    expect(server?.status.code).toBe(SpanStatusCode.UNSET);
    expect(calls("unknown-device").map(({ status }) => status.code)).toEqual([SpanStatusCode.ERROR]);
    expect(calls("unknown-device")[0]?.attributes).toMatchObject({ "error.type": "iot.device.NotExistedDevice" });
  });

  it("end too when the request is refused at once", async () => {
    await failureOf(ask(202, "good", "bad name"));
    const [server] = await serversOf(202);
    expect(server?.attributes).toMatchObject({ "rpc.status_code": "INVALID_ARGUMENT" });
    expect(server?.events).toEqual([]);
  });

  async function serversOf(n: number): Promise<ReadableSpan[]> {
    const find = () => exporter.getFinishedSpans().filter((span) => span.spanContext().traceId === traceIdOf(n));
    await until(() => find().length > 0);
    return find();
  }
});

describe("all spans", () => {
  it("hold no device name, no key and no query", () => {
    for (const { name, attributes, events, status, resource } of exporter.getFinishedSpans()) {
      const told = JSON.stringify([name, attributes, events, status, resource.attributes]);
      for (const secret of [DEVICE, KEYS["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], "DeviceName", "?"]) {
        expect(told).not.toContain(secret);
      }
    }
  });
});

/** In the order of their traces, which is that of the callers. */
function byTrace(spans: readonly ReadableSpan[]): ReadableSpan[] {
  const numberOf = (span: ReadableSpan) => Number(span.spanContext().traceId.replace(/^a*/, ""));
  return spans.toSorted((a, b) => numberOf(a) - numberOf(b));
}

describe("the span of a call that reads tasks back", () => {
  it("is that of its operation, linked to whoever waits for it, and names no device", async () => {
    await ask(1, "read-back", `${DEVICE}-1`, { verify: true, jobId: "job" });
    await until(() => calls("read-back").length === 2);
    const [cancel, read] = calls("read-back").toSorted((a, b) => a.name.localeCompare(b.name));
    expect([cancel?.name, read?.name]).toEqual(["CancelOTATaskByDevice", "ListOTATaskByJob"]);
    expect(read?.kind).toBe(SpanKind.CLIENT);
    expect(read?.links.map(({ context }) => context.traceId)).toEqual([traceIdOf(1)]);
    expect(read?.attributes).toMatchObject({ "ota.devices": 1, "ota.job_id": "job", "ota.result": "accepted" });
    expect(JSON.stringify(read?.attributes)).not.toContain(DEVICE);
  });
});
