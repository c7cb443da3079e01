// What the spans say is what happened: a thousand requests through the real program, and a receiver of our own
// that got its spans. What was sent is known from between the gateway and the emulator, what was answered from
// the callers; the spans have to agree with both, one to one.
import { once } from "node:events";
import { createServer, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULTS } from "../../src/emulator/options.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import {
  CancelTasksByDeviceRequest,
  type CancelTasksByDeviceResponse,
  OtaServiceClient,
  StreamCancelTasksByDeviceRequest,
  type StreamCancelTasksByDeviceResponse as StreamResponse,
} from "../../src/gen/ota/v1/ota_service.js";
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from "../support/otlp-receiver.js";
import {
  type EmulatorProgram,
  endPrograms,
  type GatewayProgram,
  runEmulator,
  runGateway,
} from "../support/processes.js";

const UNARY = "ota.v1.OtaService/CancelTasksByDevice";
const STREAM = "ota.v1.OtaService/StreamCancelTasksByDevice";
const REQUESTS = 1000;
const STREAMED = 60;
const CONNECTIONS = 8;

/** One refused for rate, which is tried again, and one whose answer never comes. */
const FAULTS = {
  rules: [
    { fault: { kind: "error", code: "Throttling.User" }, skip: 1, times: 1 },
    { fault: { kind: "reset", applied: true }, skip: 3, times: 1 },
  ],
};

/** A call as it went over the wire. */
interface SentCall {
  readonly traceparent: string;
  readonly names: readonly string[];
  status?: number;
  /** As the emulator gave it; undefined if it did not answer. */
  requestId?: string;
}

interface Request {
  readonly n: number;
  readonly names: readonly string[];
  /** The trace context that its caller sends; undefined if it sends none. */
  readonly trace: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean } | undefined;
}

interface Reply {
  readonly code: status;
  readonly response: CancelTasksByDeviceResponse | undefined;
}

let receiver: OtlpReceiver;
let wire: Awaited<ReturnType<typeof startWire>>;
let emulator: EmulatorProgram;
let gateway: GatewayProgram;
let arrivals: number;
const requests = Array.from({ length: REQUESTS }, (_, n) => requestOf(n));
const replies = new Map<Request, Reply>();

beforeAll(async () => {
  receiver = await startOtlpReceiver();
  emulator = await runEmulator("--devices", "3000", "--faults", JSON.stringify(FAULTS));
  wire = await startWire(emulator.url);
  gateway = await runGateway(wire.url, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  await gateway.opened();
  const clients = Array.from(
    { length: CONNECTIONS },
    () => new OtaServiceClient(gateway.grpc, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 }),
  );
  await Promise.all(requests.map((request) => ask(clients[request.n % CONNECTIONS] as OtaServiceClient, request)));
  await stream(clients[0] as OtaServiceClient);
  arrivals = (await emulator.stats()).arrivals;
  for (const client of clients) client.close();
  gateway.kill("SIGTERM");
  expect(await gateway.ended).toBe(0);
});
afterAll(async () => {
  await endPrograms();
  await wire.close();
  await receiver.close();
});

describe("a thousand requests of callers who are sampled, are not, and do not say", () => {
  it("share calls: two hundred are in one", () => {
    expect(Math.max(...wire.calls.map((call) => aboard(call).length))).toBeGreaterThanOrEqual(200);
    expect([...replies.values()].filter(({ code }) => code === status.OK).length).toBeGreaterThan(REQUESTS / 2);
  });

  it("leave one CLIENT span for each call that the emulator counted, and nothing unknown", () => {
    expect(wire.calls).toHaveLength(arrivals);
    const sent = wire.calls.map(({ traceparent }) => traceparent).sort();
    expect(clientSpans().map(traceparentOf).sort()).toEqual(sent);
    const sampled = requests.filter((request) => isSampled(request));
    expect(receiver.spans).toHaveLength(arrivals + sampled.length + 1); // and that of the stream
    expect(receiver.spans.filter(({ dropped }) => dropped > 0)).toEqual([]);
  });

  it("are linked from the spans of the calls they were in, sampled or not, and from no others", () => {
    for (const call of wire.calls) {
      const links = spanOf(call).links.map(({ traceId, spanId }) => `${traceId}-${spanId}`);
      expect(new Set(links).size).toBe(links.length);
      const riders = aboard(call);
      const recorded = riders.filter(isSampled).map((request) => idOf(serverSpanOf(request)));
      if (wasStreamed(call)) recorded.push(idOf(streamSpan()));
      expect(links.filter((link) => recorded.includes(link)).sort()).toEqual(recorded.sort());
      // Of the others the link is all there is: it leads into the trace that they gave.
      const others = links.filter((link) => !recorded.includes(link)).map((link) => link.slice(0, 32));
      const unrecorded = riders.filter((request) => !isSampled(request)).map(({ trace }) => trace?.traceId);
      expect(others.sort()).toEqual(unrecorded.sort());
    }
  });

  it("have a SERVER span in their caller's trace if that is sampled, and none if it is not", () => {
    for (const request of requests) {
      const spans = serverSpansOf(request);
      expect(spans).toHaveLength(isSampled(request) ? 1 : 0);
      for (const span of spans) {
        expect(span.parentSpanId).toBe(request.trace?.spanId ?? "");
        if (request.trace) expect(span.traceId).toBe(request.trace.traceId);
        const code = status[replies.get(request)?.code ?? status.INTERNAL];
        expect(span).toMatchObject({ name: UNARY, isError: code !== "OK" });
        expect(span.attributes).toEqual({
          "rpc.system.name": "grpc",
          "rpc.method": UNARY,
          "rpc.status_code": code,
          ...(code !== "OK" && { "error.type": code }),
          "ota.caller": `service-${request.n}`,
        });
      }
    }
  });

  it("tell in an event of each call they were in, under the ids of its span and of the emulator", () => {
    // Of two calls at once, either may be first on the wire.
    for (const request of requests.filter(isSampled)) {
      const { events } = serverSpanOf(request);
      expect(new Set(events.map(({ name }) => name))).toEqual(new Set(["ota.upstream_call"]));
      expect(events.map(({ attributes }) => attributes)).toEqual(expect.arrayContaining(callsOf(request).map(eventOf)));
      expect(events).toHaveLength(callsOf(request).length);
    }
  });

  it("are answered with the request ids that the emulator gave", () => {
    for (const request of requests) {
      const { response } = replies.get(request) ?? {};
      if (!response) continue;
      const given = callsOf(request).map(({ requestId }) => requestId ?? "");
      expect(response.calls.map(({ requestId }) => requestId)).toEqual(given);
    }
  });

  it("have their calls described: what was sent where, how long it waited, and how it ended", () => {
    const { hostname, port } = new URL(wire.url);
    for (const call of wire.calls) {
      const span = spanOf(call);
      const { status: http, requestId } = call;
      expect(span).toMatchObject({ name: "CancelOTATaskByDevice", kind: "CLIENT", parentSpanId: "" });
      expect(span.isError).toBe(span.attributes["ota.result"] !== "accepted");
      expect(span.attributes).toMatchObject({
        "http.request.method": "POST",
        "url.full": `${wire.url}/`,
        "server.address": hostname,
        "server.port": Number(port),
        "ota.account": "default",
        "ota.product_key": DEFAULTS.productKey,
        "ota.firmware_id": DEFAULTS.firmwareId,
        "ota.devices": call.names.length,
        "ota.waiters": wasStreamed(call) ? call.names.length : aboard(call).length,
        ...(http && { "http.response.status_code": http }),
        ...(requestId && { "ota.upstream_request_id": requestId }),
      });
      expect(span.attributes["ota.token_wait_ms"]).toBeGreaterThanOrEqual(0);
      if (span.isError) expect(span.attributes["error.type"]).toMatch(/./);
      else expect(span.attributes).not.toHaveProperty("error.type");
    }
    // Somebody has waited for the quota, and it can be seen.
    expect(Math.max(...wire.calls.map((call) => Number(spanOf(call).attributes["ota.token_wait_ms"])))).toBeGreaterThan(
      100,
    );
  });

  it("show each attempt of a call as a span of its own", () => {
    const ends = clientSpans().map(({ attributes }) => [attributes["ota.result"], attributes["ota.upstream_code"]]);
    expect(ends.filter(([result]) => result !== "accepted").sort()).toEqual([
      ["lost", undefined],
      ["refused", "Throttling.User"],
    ]);
    const throttled = wire.calls.find((call) => spanOf(call).attributes["ota.result"] === "refused") as SentCall;
    const again = wire.calls.filter((call) => call !== throttled && call.names.includes(throttled.names[0] ?? ""));
    expect(again.map((call) => spanOf(call).attributes["ota.attempt"])).toContain(2);
  });

  it("are told in one log line for each rpc and for each call, with the ids of its span", () => {
    const lines = gateway.stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const idsOf = (message: string, method?: string) =>
      lines
        .filter(({ msg, ...line }) => msg === message && line.method === method)
        .map(({ traceId, spanId }) => `${traceId}-${spanId}`)
        .sort();
    expect(idsOf("upstream call")).toEqual(clientSpans().map(idOf).sort());
    const rpcs = idsOf("rpc", UNARY);
    expect(rpcs).toHaveLength(REQUESTS);
    const recorded = requests.filter(isSampled).map((request) => idOf(serverSpanOf(request)));
    expect(rpcs.filter((ids) => recorded.includes(ids))).toEqual(recorded.sort());
    expect(idsOf("rpc", STREAM)).toEqual([idOf(streamSpan())]);
  });

  it("leave no device name, no key and no query in what is exported", () => {
    const names = [...requests.flatMap((request) => request.names), ...streamedNames()];
    expect(names.filter((name) => receiver.text.includes(name))).toEqual([]);
    for (const secret of ["testsecret", "DeviceName", "?"]) {
      expect(JSON.stringify(receiver.spans, jsonable)).not.toContain(secret);
    }
  });
});

describe("many requests of one stream in one call", () => {
  it("are one link and one event, for they have one span (was: one for each)", () => {
    const calls = wire.calls.filter(wasStreamed);
    expect(Math.max(...calls.map(({ names }) => names.length))).toBeGreaterThan(1);
    for (const call of calls) expect(spanOf(call).links).toHaveLength(1);
    expect(streamSpan().events.map(({ attributes }) => attributes)).toEqual(calls.map(eventOf));
  });
});

/**
 * Every tenth has no trace context, and every other one says that it is not sampled; some have
 * devices for several calls.
 */
function requestOf(n: number): Request {
  const names = [seededName(n), ...(n % 25 === 0 ? [seededName(REQUESTS + n), seededName(REQUESTS + n + 1)] : [])];
  if (n % 10 === 9) return { n, names, trace: undefined };
  const traceId = `${n + 1}`.padStart(32, "a");
  return { n, names, trace: { traceId, spanId: `${n + 1}`.padStart(16, "b"), sampled: n % 2 === 0 } };
}

/** The default sampler takes requests without a trace context. */
function isSampled({ trace }: Request): boolean {
  return trace?.sampled ?? true;
}

function streamedNames(): string[] {
  return Array.from({ length: STREAMED }, (_, n) => seededName(2 * REQUESTS + 100 + n));
}

function ask(client: OtaServiceClient, request: Request): Promise<void> {
  const { n, names, trace } = request;
  const { productKey, firmwareId } = DEFAULTS;
  const metadata = new Metadata();
  metadata.set("x-ota-caller", `service-${n}`);
  if (trace) metadata.set("traceparent", `00-${trace.traceId}-${trace.spanId}-${trace.sampled ? "01" : "00"}`);
  const message = CancelTasksByDeviceRequest.fromPartial({ productKey, firmwareId, deviceNames: [...names] });
  return new Promise((resolve) => {
    client.cancelTasksByDevice(message, metadata, (error: ServiceError | null, response) => {
      replies.set(request, { code: error?.code ?? status.OK, response: error ? undefined : response });
      resolve();
    });
  });
}

async function stream(client: OtaServiceClient): Promise<void> {
  const { productKey, firmwareId } = DEFAULTS;
  const call = client.streamCancelTasksByDevice();
  call.on("data", (_: StreamResponse) => {});
  for (const [n, name] of streamedNames().entries()) {
    const request = { productKey, firmwareId, deviceNames: [name] };
    call.write(StreamCancelTasksByDeviceRequest.fromPartial({ sequence: BigInt(n), request }));
  }
  call.end();
  await once(call, "end");
}

/** Stands between the gateway and the emulator, changes nothing, and notes every call. */
async function startWire(upstreamUrl: string) {
  const calls: SentCall[] = [];
  const server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    const names = [...new URL(url, upstreamUrl).searchParams].flatMap(([key, value]) =>
      /^DeviceName\.\d+$/.test(key) ? [value] : [],
    );
    const call: SentCall = { traceparent: String(headers["traceparent"]), names };
    calls.push(call);
    const onward = send(upstreamUrl, { path: url, method, headers, agent: false }, async (answer) => {
      let body = "";
      for await (const chunk of answer.setEncoding("utf8")) body += chunk;
      call.status = answer.statusCode ?? 0;
      call.requestId = JSON.parse(body).RequestId;
      response.writeHead(answer.statusCode ?? 0, answer.headers).end(body);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function clientSpans(): ReceivedSpan[] {
  return receiver.spans.filter(({ kind }) => kind === "CLIENT");
}

function spanOf({ traceparent }: SentCall): ReceivedSpan {
  return clientSpans().find((span) => traceparentOf(span) === traceparent) as ReceivedSpan;
}

function traceparentOf(span: ReceivedSpan): string {
  return `00-${idOf(span)}-01`;
}

function idOf({ traceId, spanId }: { traceId: string; spanId: string }): string {
  return `${traceId}-${spanId}`;
}

function serverSpansOf({ n, trace }: Request): ReceivedSpan[] {
  return receiver.spans.filter(
    ({ kind, traceId, attributes }) =>
      kind === "SERVER" && (traceId === trace?.traceId || attributes["ota.caller"] === `service-${n}`),
  );
}

function serverSpanOf(request: Request): ReceivedSpan {
  return serverSpansOf(request)[0] as ReceivedSpan;
}

function streamSpan(): ReceivedSpan {
  return receiver.spans.find(({ name }) => name === STREAM) as ReceivedSpan;
}

/** The requests with devices in this call; every device is asked for once. */
function aboard({ names }: SentCall): Request[] {
  const carried = new Set(names);
  return requests.filter((request) => request.names.some((name) => carried.has(name)));
}

/** The calls with devices of this request, in the order in which they were sent. */
function callsOf({ names }: Request): SentCall[] {
  return wire.calls.filter((call) => names.some((name) => call.names.includes(name)));
}

function wasStreamed({ names }: SentCall): boolean {
  return streamedNames().some((name) => names.includes(name));
}

function eventOf(call: SentCall) {
  const { traceId, spanId, attributes } = spanOf(call);
  const { "ota.result": result, "ota.upstream_code": code } = attributes;
  return {
    "ota.result": result,
    ...(call.requestId && { "ota.upstream_request_id": call.requestId }),
    ...(code && { "ota.upstream_code": code }),
    "ota.call.trace_id": traceId,
    "ota.call.span_id": spanId,
  };
}

function jsonable(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
