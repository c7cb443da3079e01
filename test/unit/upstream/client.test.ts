import type { IncomingMessage, ServerResponse } from "node:http";
import { propagation, trace } from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { createUpstream } from "../../../src/upstream/client.js";
import { type Credentials, type CredentialsSource, NoCredentials } from "../../../src/upstream/credentials-source.js";
import { EMPTY_BODY_SHA256, signV3 } from "../../../src/upstream/signature.js";
import { HandClock } from "../../support/hand-clock.js";
import { CLOSED_PORT, listenHttp } from "./local-server.js";

const TIMEOUT_MS = 10_000;
/** When the token of a call was used: at the start of a clock that is turned by hand. */
const NOW_MS = new HandClock().now();
const scope = { iotInstanceId: "iot-1", productKey: "a1V4", firmwareId: "T0F5*", jobId: "" };
const call = { scope, deviceNames: ["device-1", "dev:ice@2.x-y_z"] };
const keys: Credentials = { accessKeyId: "testid", accessKeySecret: "testsecret" };
const always = (credentials: Credentials): CredentialsSource => ({
  get: async () => credentials,
  refresh: async () => credentials,
});

function upstreamAt(port: number, options: { credentials?: CredentialsSource; clock?: HandClock } = {}) {
  const { credentials = always(keys), clock = new HandClock() } = options;
  const url = new URL(`http://127.0.0.1:${port}`);
  const upstream = createUpstream({ url, timeoutMs: TIMEOUT_MS, credentials, clock });
  onTestFinished(() => upstream.close());
  return { upstream, clock };
}

/** A server that answers with what `answer` gives for the nth request, and keeps the requests. */
async function server(answer: (nth: number) => { status?: number; headers?: Record<string, string>; body: unknown }) {
  const requests: IncomingMessage[] = [];
  const port = await listenHttp((incoming: IncomingMessage, response: ServerResponse) => {
    requests.push(incoming);
    const { status = 200, headers = {}, body } = answer(requests.length);
    response.writeHead(status, headers).end(JSON.stringify(body));
  });
  return { port, requests };
}

const accepted = () => ({ body: { RequestId: "R-1", Success: true } });

describe("createUpstream", () => {
  it("sends a POST without a body whose signature covers what stands on the wire", async () => {
    const { port, requests } = await server(accepted);
    const { upstream } = upstreamAt(port);
    expect(await upstream.cancelTasks(call, NOW_MS)).toEqual({
      kind: "accepted",
      requestId: "R-1",
      waitMs: expect.any(Number),
    });
    const { method, url = "", headers } = requests[0] ?? {};
    expect(method).toBe("POST");
    expect(url).toBe(
      "/?DeviceName.1=device-1&DeviceName.2=dev%3Aice%402.x-y_z&FirmwareId=T0F5%2A&IotInstanceId=iot-1&ProductKey=a1V4",
    );
    expect(headers).toMatchObject({
      accept: "application/json",
      "content-length": "0",
      host: `127.0.0.1:${port}`,
      "x-acs-date": "2026-01-01T00:00:00Z",
    });
    const signed = Object.entries(headers ?? {}).filter(([name]) => name === "host" || name.startsWith("x-acs-"));
    const signature = signV3(
      {
        method: "POST",
        path: "/",
        query: new URLSearchParams(url.slice(2)),
        headers: Object.fromEntries(signed.map(([name, value]) => [name, String(value)])),
        bodySha256: EMPTY_BODY_SHA256,
      },
      "testsecret",
    );
    expect(headers?.authorization).toMatch(/^ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=host;x-acs-action;/);
    expect(headers?.authorization?.endsWith(`Signature=${signature}`)).toBe(true);
  });

  it("uses a nonce once, and signs the token of temporary keys", async () => {
    const { port, requests } = await server(accepted);
    const { upstream } = upstreamAt(port, { credentials: always({ ...keys, securityToken: "token" }) });
    await upstream.cancelTasks(call, NOW_MS);
    await upstream.cancelTasks(call, NOW_MS);
    const nonces = requests.map(({ headers }) => headers["x-acs-signature-nonce"]);
    expect(new Set(nonces).size).toBe(2);
    expect(requests[0]?.headers).toMatchObject({ "x-acs-security-token": "token", "x-acs-accesskey-id": "testid" });
    expect(requests[0]?.headers.authorization).toContain("x-acs-accesskey-id;");
    expect(requests[0]?.headers.authorization).toContain("x-acs-security-token;");
  });

  it.each([
    ["InvalidTimeStamp.Expired", "expired"],
    [
      "IllegalTimestamp",
      'The input parameter "Timestamp" that is mandatory for processing this request is not supplied.',
    ],
    [
      "MissingParameter",
      'The input parameter "TimeStamp" that is mandatory for processing this request is not supplied',
    ],
  ])(
    "learns the upstream's clock when ours is wrong, as %s says, and is believed the next time",
    async (Code, Message) => {
      const clock = new HandClock();
      const upstreamMs = clock.wallNow() + 7_200_000;
      const { port, requests } = await server((nth) => {
        if (nth > 1) return accepted();
        const body = { RequestId: "R-0", Code, Message };
        return { status: 400, headers: { date: new Date(upstreamMs).toUTCString() }, body };
      });
      const { upstream } = upstreamAt(port, { clock });
      expect(await upstream.cancelTasks(call, NOW_MS)).toMatchObject({
        kind: "refused",
        refusal: { code: Code, reaction: { kind: "internal", recovered: true } },
      });
      expect((await upstream.cancelTasks(call, NOW_MS)).kind).toBe("accepted");
      expect(requests[1]?.headers["x-acs-date"]).toBe("2026-01-01T02:00:00Z");
    },
  );

  it("refreshes keys that the upstream finds expired", async () => {
    let current = { ...keys, securityToken: "old" };
    const credentials: CredentialsSource = {
      get: async () => current,
      refresh: async () => {
        current = { ...keys, securityToken: "new" };
        return current;
      },
    };
    const { port, requests } = await server((nth) =>
      nth > 1 ? accepted() : { status: 400, body: { RequestId: "R-0", Code: "InvalidSecurityToken.Expired" } },
    );
    const { upstream } = upstreamAt(port, { credentials });
    expect(await upstream.cancelTasks(call, NOW_MS)).toMatchObject({ refusal: { reaction: { recovered: true } } });
    await upstream.cancelTasks(call, NOW_MS);
    expect(requests[1]?.headers["x-acs-security-token"]).toBe("new");
  });

  it.each([
    ["was replaced under way", "InvalidAccessKeyId.Inactive", keys],
    ["was being replaced, file by file", "SignatureDoesNotMatch", { ...keys, accessKeyId: "newid" }],
  ])(
    "says that it recovered a call whose key %s (was: INTERNAL, with the new key at hand)",
    async (_, Code, before) => {
      let current: Credentials = before;
      const credentials: CredentialsSource = { get: async () => current, refresh: async () => current };
      const { port, requests } = await server((nth) => {
        if (nth > 1) return accepted();
        current = { accessKeyId: "newid", accessKeySecret: "newsecret" };
        return { status: 400, body: { RequestId: "R-0", Code } };
      });
      const { upstream } = upstreamAt(port, { credentials });
      expect(await upstream.cancelTasks(call, NOW_MS)).toMatchObject({
        refusal: { reaction: { kind: "internal", recovered: true } },
      });
      expect((await upstream.cancelTasks(call, NOW_MS)).kind).toBe("accepted");
      expect(requests[1]?.headers.authorization).toContain("Credential=newid,");
    },
  );

  it("does not say that it recovered a refused key when there is no other", async () => {
    const { port, requests } = await server(() => ({
      status: 404,
      body: { RequestId: "R-0", Code: "InvalidAccessKeyId.NotFound", Message: "testid is not found" },
    }));
    const { upstream } = upstreamAt(port);
    expect(await upstream.cancelTasks(call, NOW_MS)).toMatchObject({
      kind: "refused",
      refusal: { reaction: { kind: "internal", recovered: false } },
    });
    expect(requests).toHaveLength(1);
  });

  it("ends in time although the refresh of keys hangs, and does not claim that it recovered", async () => {
    const refreshing = Promise.withResolvers<void>();
    const credentials: CredentialsSource = {
      get: async () => keys,
      refresh: () => {
        refreshing.resolve();
        return new Promise(() => undefined);
      },
    };
    const { port } = await server(() => ({ body: { RequestId: "R-0", Code: "MissingSecurityToken" } }));
    const { upstream, clock } = upstreamAt(port, { credentials });
    const end = upstream.cancelTasks(call, NOW_MS);
    await refreshing.promise;
    await clock.advance(TIMEOUT_MS);
    expect(await end).toMatchObject({ kind: "refused", refusal: { reaction: { kind: "internal", recovered: false } } });
  });

  it("says that it is ours when there are no keys, and what to do", async () => {
    const fail = () => Promise.reject(new NoCredentials("Set A and B."));
    const { upstream } = upstreamAt(CLOSED_PORT, { credentials: { get: fail, refresh: fail } });
    expect(await upstream.cancelTasks(call, NOW_MS)).toEqual({
      kind: "unwritten",
      message: "Set A and B.",
      ours: true,
    });
  });

  it("ends in time although the keys never come", async () => {
    const hang = () => new Promise<Credentials>(() => undefined);
    const { upstream, clock } = upstreamAt(CLOSED_PORT, { credentials: { get: hang, refresh: hang } });
    const end = upstream.cancelTasks(call, NOW_MS);
    await clock.advance(TIMEOUT_MS);
    expect(await end).toMatchObject({ kind: "unwritten", ours: true });
    expect(clock.armed).toBe(0);
  });

  it("says that it is ours when the keys fit into no header (was: no connection to the upstream)", async () => {
    const { port, requests } = await server(accepted);
    const { upstream } = upstreamAt(port, { credentials: always({ ...keys, securityToken: "a\u200bb" }) });
    const message = "The request could not be made.";
    expect(await upstream.cancelTasks(call, NOW_MS)).toEqual({ kind: "unwritten", message, ours: true });
    expect(requests).toEqual([]);
  });

  it("writes nothing if its time was over before it began: the process was suspended after the token was used", async () => {
    const { port, requests } = await server(accepted);
    const { upstream, clock } = upstreamAt(port);
    await clock.advance(TIMEOUT_MS);
    expect(await upstream.cancelTasks(call, NOW_MS)).toMatchObject({ kind: "unwritten", ours: false });
    expect(await upstream.jobs.send({ operation: "QueryOTAJob", jobId: "j" }, "", NOW_MS)).toMatchObject({
      kind: "unwritten",
    });
    expect(requests).toEqual([]);
  });

  it("says unwritten, and not ours, when nobody listens", async () => {
    const { upstream } = upstreamAt(CLOSED_PORT);
    expect(await upstream.cancelTasks(call, NOW_MS)).toEqual({
      kind: "unwritten",
      message: "No connection to the upstream (ECONNREFUSED).",
      ours: false,
    });
  });

  it("says lost when a proxy answers in the upstream's place", async () => {
    const port = await listenHttp((_incoming, response) => {
      response.writeHead(502, { "content-type": "text/html" }).end("<html><h1>502 Bad Gateway</h1></html>");
    });
    const { upstream } = upstreamAt(port);
    expect(await upstream.cancelTasks(call, NOW_MS)).toEqual({
      kind: "lost",
      message: "The answer had no RequestId (HTTP 502).",
    });
  });

  it("lets nothing of the request into a text", async () => {
    const { port } = await server(() => ({
      status: 400,
      body: { RequestId: "R", Code: "X", Message: `bad http://127.0.0.1:${port}/?DeviceName.1=device-1 by testid` },
    }));
    const { upstream } = upstreamAt(port);
    expect(await upstream.cancelTasks(call, NOW_MS)).toMatchObject({ refusal: { message: "bad [address] by [key]" } });
  });

  it("closes when the calls under way have ended, and takes no others", async () => {
    const arrived = Promise.withResolvers<ServerResponse>();
    const port = await listenHttp((_incoming, response) => arrived.resolve(response));
    const { upstream } = upstreamAt(port);
    const end = upstream.cancelTasks(call, NOW_MS);
    const response = await arrived.promise;
    const closed = upstream.close();
    expect((await upstream.cancelTasks(call, NOW_MS)).kind).toBe("unwritten");
    response.end(JSON.stringify({ RequestId: "R", Success: true }));
    await closed;
    expect((await end).kind).toBe("accepted");
  });

  it("lists tasks over the same wire, each operation with its own parameters", async () => {
    const row = { DeviceName: "device-1", TaskStatus: "CANCELED" };
    const body = { RequestId: "R-1", Success: true, Total: 1, Data: { SimpleOTATaskInfo: [row] } };
    const { port, requests } = await server(() => ({ body }));
    const { upstream } = upstreamAt(port);
    const [name = ""] = call.deviceNames;
    const ofJob = { ...scope, jobId: "job" };
    expect(await upstream.tasksOfJob.read(ofJob, call.deviceNames, NOW_MS)).toMatchObject({
      kind: "accepted",
      requestId: "R-1",
      list: { tasks: [{ deviceName: "device-1", state: "CANCELED" }], whole: true },
    });
    expect(await upstream.unfinishedTasks.read(scope, [name], NOW_MS)).toMatchObject({ kind: "accepted" });
    expect(requests.map(({ url, headers }) => [headers["x-acs-action"], url])).toEqual([
      [
        "ListOTATaskByJob",
        "/?CurrentPage=1&DeviceNames.1=device-1&DeviceNames.2=dev%3Aice%402.x-y_z&IotInstanceId=iot-1&JobId=job&PageSize=100",
      ],
      ["ListOTAUnfinishedTaskByDevice", "/?DeviceName=device-1&IotInstanceId=iot-1&ProductKey=a1V4"],
    ]);
    expect(upstream.tasksOfJob.room.devices).toBe(50);
    expect(upstream.unfinishedTasks.room.devices).toBe(1);
  });

  it("tells a refusal of a read as that of any call, and a list that it cannot read as none", async () => {
    const refusal = { RequestId: "R-1", Success: false, Code: "iot.ota.InvalidJobId", ErrorMessage: "no such job" };
    const { port } = await server((nth) => ({ body: nth === 1 ? refusal : { RequestId: "R-2", Success: true } }));
    const { upstream } = upstreamAt(port);
    expect(await upstream.tasksOfJob.read(scope, call.deviceNames, NOW_MS)).toMatchObject({
      kind: "refused",
      refusal: { code: "iot.ota.InvalidJobId" },
    });
    expect(await upstream.tasksOfJob.read(scope, call.deviceNames, NOW_MS)).toEqual({
      kind: "accepted",
      requestId: "R-2",
      waitMs: expect.any(Number),
      list: undefined,
    });
  });
});

describe("roundTrip", () => {
  it("measures by a request that is not a call, whatever the answer", async () => {
    const { port, requests } = await server(() => ({ status: 405, body: {} }));
    const { upstream } = upstreamAt(port);
    expect(await upstream.roundTrip()).toBe(0); // by a clock that stands still
    expect(requests.map(({ method, url }) => [method, url])).toEqual([["OPTIONS", "/"]]);
    expect(requests[0]?.headers).not.toHaveProperty("authorization");
  });

  it("measures nothing without an answer, and after the end", async () => {
    const { upstream } = upstreamAt(CLOSED_PORT);
    expect(await upstream.roundTrip()).toBeUndefined();
    await upstream.close();
    expect(await upstream.roundTrip()).toBeUndefined();
  });
});

describe("createUpstream under a span", () => {
  const exporter = new InMemorySpanExporter();
  const sdk = new NodeSDK({ spanProcessors: [new SimpleSpanProcessor(exporter)], autoDetectResources: false });
  sdk.start();
  afterAll(() => sdk.shutdown());

  const spanOf = async (port: number) => {
    const { upstream } = upstreamAt(port);
    exporter.reset();
    await trace.getTracer("test").startActiveSpan("call", async (span) => {
      await upstream.cancelTasks(call, NOW_MS);
      span.end();
    });
    return exporter.getFinishedSpans()[0];
  };

  it("describes the exchange without its query, and passes the trace on", async () => {
    const { port, requests } = await server(() => ({ status: 429, body: { RequestId: "R", Code: "Throttling" } }));
    const span = await spanOf(port);
    expect(span?.attributes).toEqual({
      "http.request.method": "POST",
      "url.full": `http://127.0.0.1:${port}/`,
      "server.address": "127.0.0.1",
      "server.port": port,
      "http.response.status_code": 429,
      "error.type": "429",
    });
    const { traceId, spanId } = span?.spanContext() ?? {};
    expect(requests[0]?.headers["traceparent"]).toBe(`00-${traceId}-${spanId}-01`);
  });

  it("names the fault when no answer came", async () => {
    expect((await spanOf(CLOSED_PORT))?.attributes["error.type"]).toBe("ECONNREFUSED");
  });

  it("keeps the callers' baggage to itself", async () => {
    const { port, requests } = await server(accepted);
    const { upstream } = upstreamAt(port);
    const { context } = await import("@opentelemetry/api");
    const baggage = propagation.createBaggage({ tenant: { value: "secret" } });
    await context.with(propagation.setBaggage(context.active(), baggage), () => upstream.cancelTasks(call, NOW_MS));
    expect(requests[0]?.headers["baggage"]).toBeUndefined();
  });
});
