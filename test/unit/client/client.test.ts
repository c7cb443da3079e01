import { type handleUnaryCall, type Metadata, Server, ServerCredentials } from "@grpc/grpc-js";
import { context, propagation, TraceFlags, trace } from "@opentelemetry/api";
import { core } from "@opentelemetry/sdk-node";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Client, type ConnectOptions, connect, OtaError } from "../../../src/client/client.js";
import { GatewayError } from "../../../src/gateway/failures.js";
import { Status } from "../../../src/gen/google/rpc/status.js";
import { type GetQuotaRequest, GetQuotaResponse, OtaServiceService } from "../../../src/gen/ota/v1/ota_service.js";
import { wireErrorOf } from "../../../src/grpc/wire/status.js";
import { CallStackContext } from "../../../src/observe/telemetry/call-stack-context.js";
import { createCertificateAuthority } from "../../support/certificate-authority.js";
import { accepted, type FakeAnswers, listenOta } from "../../support/fake-ota-service.js";

const REQUEST = { productKey: "a1", firmwareId: "f1", deviceNames: ["dev-0"] };
const FULL = new GatewayError({ kind: "overloaded", subject: "caller", message: "full" }, { retryAfterMs: 30 });

async function setUp(answers: FakeAnswers, options?: ConnectOptions): Promise<Client> {
  return connected(await listenOta(answers), options);
}

function connected(address: string, options?: ConnectOptions): Client {
  const client = connect(address, options);
  onTestFinished(() => client.close());
  return client;
}

function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("connect", () => {
  it("names outcomes, and gives each device the call that held it", async () => {
    const client = await setUp({ cancel: ({ request }) => accepted(request.deviceNames) });
    expect(await client.cancelTasksByDevice(REQUEST)).toMatchObject({
      success: true,
      results: [{ deviceName: "dev-0", outcome: "ACCEPTED", ok: true, call: { requestId: "request-1" } }],
      quotaWaitMs: 0,
    });
  });

  it("asks again after the gateway's pushback, by the service config", async () => {
    const timesMs: number[] = [];
    const client = await setUp({
      cancel: ({ request }) => {
        timesMs.push(performance.now());
        return timesMs.length < 3 ? wireErrorOf(FULL) : accepted(request.deviceNames);
      },
    });
    expect((await client.cancelTasksByDevice(REQUEST)).success).toBe(true);
    expect(timesMs).toHaveLength(3);
    // The policy's own first backoff is up to 200 ms, its second up to 400 ms.
    expect((timesMs[2] as number) - (timesMs[0] as number)).toBeGreaterThanOrEqual(58);
  });

  it("does not ask again for what can never work", async () => {
    let asked = 0;
    const violations = [{ field: "job_id", description: "is wrong" }];
    const client = await setUp({
      cancel: () => {
        asked++;
        return wireErrorOf(new GatewayError({ kind: "invalid", message: "no", violations }));
      },
    });
    const error = await rejection(client.cancelTasksByDevice(REQUEST));
    expect(error).toBeInstanceOf(OtaError);
    expect(error).toMatchObject({ reason: "INVALID_REQUEST", code: "INVALID_ARGUMENT", violations });
    expect(asked).toBe(1);
  });

  it("tells the upstream's code and request id, and counts by kind", async () => {
    const upstream = { code: "iot.prod.NotExistedProduct", requestId: "ABC" };
    const failure = { kind: "rejected", message: "refused", rejection: "not-found", upstream } as const;
    const causes = [{ kind: "rejected", devices: 3, sampleNames: [] } as const];
    const client = await setUp({ cancel: () => wireErrorOf(new GatewayError(failure, { causes })) });
    expect(await rejection(client.cancelTasksByDevice(REQUEST))).toMatchObject({
      reason: "REJECTED",
      code: "NOT_FOUND",
      upstreamCode: "iot.prod.NotExistedProduct",
      upstreamRequestId: "ABC",
      devices: { rejected: 3 },
    });
  });

  it("reports an error whose details cannot be read as what can be read of it (was: ended the process)", async () => {
    const client = await setUp({
      cancel: () => {
        const { code, details, metadata } = wireErrorOf(FULL);
        const broken = { typeUrl: "type.googleapis.com/google.rpc.RetryInfo", value: Buffer.from([0x0a, 0x7f]) };
        const encoded = Status.encode({ code: 3, message: "no", details: [broken] }).finish();
        metadata.set("grpc-status-details-bin", Buffer.from(encoded));
        return { code, details, metadata };
      },
    });
    expect(await rejection(client.cancelTasksByDevice(REQUEST))).toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("rejects with the signal's reason when it is aborted, before and while it waits", async () => {
    const stop = new AbortController();
    const client = await setUp({
      cancel: () => {
        stop.abort(new Error("enough"));
        return undefined;
      },
    });
    expect(await rejection(client.cancelTasksByDevice(REQUEST, { signal: stop.signal }))).toEqual(new Error("enough"));
    expect(await rejection(client.getQuota("", { signal: stop.signal }))).toEqual(new Error("enough"));
  });

  it.each<[string, (client: Client, signal: AbortSignal) => Promise<unknown>]>([
    ["unary", (client, signal) => client.getQuota("", { signal, timeoutMs: 1e9 })],
    ["submission", (client, signal) => client.submit([], { productKey: "a1", firmwareId: "f1" }, { signal })],
  ])("rejects when it is aborted just as its token is ready: %s (was: not before its timeout)", async (_, start) => {
    const address = await listenOta({ quota: () => undefined });
    for (let turns = 0; turns < 20; turns++) {
      const stop = new AbortController();
      const abortSoon = async () => {
        for (let turn = 0; turn < turns; turn++) await undefined;
        stop.abort(new Error("enough"));
      };
      const token = async () => {
        void abortSoon();
        return "token";
      };
      expect(await rejection(start(connected(address, { token }), stop.signal))).toEqual(new Error("enough"));
    }
  });

  it.each([
    [Number.NaN, "NaN"],
    ["5000", "of type string"],
    [null, "null"],
    [{}, "of type object"],
  ])("refuses a timeout of %j before anything is sent (was: NaN ended the process)", async (timeoutMs, found) => {
    let asked = 0;
    const client = await setUp({
      cancel: () => {
        asked++;
        return undefined;
      },
    });
    await client.getQuota(); // on a connection that is open, grpc-js threw outside of every promise
    const description = `must be a number of milliseconds, is ${found}`;
    const refused = { reason: "INVALID_REQUEST", violations: [{ field: "timeoutMs", description }] };
    const options = { timeoutMs: timeoutMs as number };
    expect(await rejection(client.cancelTasksByDevice(REQUEST, options))).toMatchObject(refused);
    expect(await rejection(client.getQuota("", options))).toMatchObject(refused);
    expect(asked).toBe(0);
  });

  it.each([30 * 86_400_000, 1e12, 1e15, Number.MAX_VALUE, Infinity])(
    "waits as long as it can if the timeout is longer than that: %d ms (was: ended the process)",
    async (timeoutMs) => {
      const deadlines: unknown[] = [];
      const client = await setUp({
        cancel: (call) => {
          deadlines.push(call.getDeadline());
          return accepted(call.request.deviceNames);
        },
      });
      await client.getQuota();
      expect((await client.cancelTasksByDevice(REQUEST, { timeoutMs })).success).toBe(true);
      expect(Number(deadlines[0])).toBeGreaterThan(Date.now() + 24 * 86_400_000);
    },
  );

  it("is over at once if its time is", async () => {
    const client = await setUp({ cancel: () => undefined });
    for (const timeoutMs of [0, -5, -Infinity]) {
      expect(await rejection(client.cancelTasksByDevice(REQUEST, { timeoutMs }))).toMatchObject({
        code: "DEADLINE_EXCEEDED",
      });
    }
  });

  it.each([
    ["names", Array.from({ length: 100_001 }, (_, n) => `dev-${n}`), "has 100001 names"],
    ["bytes", Array.from({ length: 1000 }, () => "d".repeat(4000)), "has 4000000 bytes"],
  ])("sends no request of more %s than any gateway accepts", async (_, deviceNames, found) => {
    const client = connected("127.0.0.1:1");
    expect(await rejection(client.cancelTasksByDevice({ ...REQUEST, deviceNames }))).toMatchObject({
      reason: "INVALID_REQUEST",
      message: expect.stringContaining(found),
    });
  });

  it.each([
    [undefined, "request", "must be an object, is undefined"],
    [null, "request", "must be an object, is null"],
    [{ ...REQUEST, deviceNames: "dev-0" }, "device_names", "must be an array of strings, is of type string"],
    [{ ...REQUEST, deviceNames: ["dev-0", null] }, "device_names[1]", "must be a string, is null"],
    [{ ...REQUEST, jobId: 7 }, "job_id", "must be a string, is of type number"],
    [{ ...REQUEST, jobId: null }, "job_id", "must be a string, is null"], // else it would cancel in every batch
    [{ ...REQUEST, verify: "yes" }, "verify", "must be a boolean, is of type string"],
  ])(
    "refuses wrong types from JavaScript in its own words: %j (was: a TypeError)",
    async (request, field, description) => {
      const client = connected("127.0.0.1:1");
      expect(await rejection(client.cancelTasksByDevice(request as typeof REQUEST))).toMatchObject({
        name: "OtaError",
        reason: "INVALID_REQUEST",
        message: `${field} ${description}`,
        violations: [{ field, description }],
      });
    },
  );

  it("refuses wrong types beside the request, and a name instead of a list of names", async () => {
    const client = connected("127.0.0.1:1");
    const any = (value: unknown) => value as never;
    const first = (names: unknown, scope: unknown = REQUEST, options?: unknown) =>
      client.cancelAll(any(names), any(scope), any(options)).next();
    const refusals = [
      client.cancelTasksByDevice(REQUEST, any(null)),
      client.cancelTasksByDevice(REQUEST, { signal: any("stop") }),
      client.getQuota(any(7)),
      client.submit(any("dev-0"), REQUEST),
      client.submit([], { ...REQUEST, timeToLiveMs: Number.NaN }),
      client.submit([], { ...REQUEST, timeToLiveMs: Infinity }), // was: a RangeError
      client.rollout(any(undefined)), // was: sent, and refused by the gateway
      client.rollout({ ...REQUEST, jobId: any(7) }),
      client.submit([], REQUEST, { timeoutMs: Number.NaN }), // was: ended the process
      first("dev-0"), // was: the devices d, e, v, - and 0
      first(undefined),
      first([], null),
      first([], REQUEST, { onProgress: 1 }),
    ].map(rejection);
    expect((await Promise.all(refusals)).map((error) => (error as OtaError | undefined)?.message)).toEqual([
      "options must be an object, is null",
      "signal must be an AbortSignal, is of type string",
      "account must be a string, is of type number",
      "names must be an iterable of strings, is of type string",
      "time_to_live_ms must be a number, is NaN",
      "time_to_live_ms must be a number, is Infinity",
      "request must be an object, is undefined",
      "job_id must be a string, is of type number",
      "timeoutMs must be a number of milliseconds, is NaN",
      "names must be an iterable of strings, is of type string",
      "names must be an iterable of strings, is undefined",
      "request must be an object, is null",
      "onProgress must be a function, is of type number",
    ]);
    expect(() => connect(any(undefined))).toThrow("the gateway's address must be a string, is undefined");
  });

  it("repeats what a draining gateway refuses until one accepts it (was: five attempts)", async () => {
    let asked = 0;
    const draining = new GatewayError({ kind: "draining", message: "shutting down" }, { retryAfterMs: 1 });
    const client = await setUp({
      cancel: (call) => (++asked < 8 ? wireErrorOf(draining) : accepted(call.request.deviceNames)),
    });
    expect((await client.cancelTasksByDevice(REQUEST)).success).toBe(true);
    expect(asked).toBe(8);
  });

  it("waits for a minute unless it is asked otherwise (was: minutes, for a gateway that is stopped)", async () => {
    const deadlines: number[] = [];
    const client = await setUp({
      cancel: (call) => {
        deadlines.push(Number(call.getDeadline()));
        return accepted(call.request.deviceNames);
      },
    });
    await client.cancelTasksByDevice(REQUEST);
    expect(deadlines[0]).toBeLessThan(Infinity);
  });

  it("says in its own words that nothing listens (was: those of three layers of grpc-js)", async () => {
    const client = connected("127.0.0.1:1");
    expect(await rejection(client.getQuota("", { timeoutMs: 10_000 }))).toMatchObject({
      reason: "TRANSPORT",
      code: "UNAVAILABLE",
      message: "no connection to the gateway: connect ECONNREFUSED 127.0.0.1:1",
    });
  });

  it("gives up at its timeout", async () => {
    const client = await setUp({ cancel: () => undefined });
    expect(await rejection(client.cancelTasksByDevice(REQUEST, { timeoutMs: 50 }))).toMatchObject({
      reason: "TRANSPORT",
      code: "DEADLINE_EXCEEDED",
    });
  });

  it("sends the caller's name, a token that is asked for each time, and the active trace", async () => {
    const propagator = propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
    const contexts = context.setGlobalContextManager(new CallStackContext());
    expect(propagator && contexts).toBe(true);
    onTestFinished(() => {
      propagation.disable();
      context.disable();
    });
    const seen: Metadata[] = [];
    let tokens = 0;
    const client = await setUp(
      {
        quota: ({ metadata }) => {
          seen.push(metadata);
          return GetQuotaResponse.fromPartial({});
        },
      },
      { caller: "billing", token: async () => `token-${++tokens}` },
    );
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const parent = { traceId, spanId: "b7ad6b7169203331", traceFlags: TraceFlags.SAMPLED };
    await context.with(trace.setSpanContext(context.active(), parent), () => client.getQuota());
    await client.getQuota();
    expect(seen.map((metadata) => metadata.get("traceparent")[0])).toEqual([
      `00-${traceId}-b7ad6b7169203331-01`,
      undefined,
    ]);
    expect(seen.map((metadata) => metadata.get("authorization")[0])).toEqual(["Bearer token-1", "Bearer token-2"]);
    expect(seen[0]?.get("x-ota-caller")).toEqual(["billing"]);
  });

  it("does not send a token in plain text to another machine", () => {
    expect(() => connect("gateway:50051", { token: "secret" })).toThrow("set tls");
  });
});

describe("connect with tls", () => {
  it("trusts the authority it is given, by the name it is given, and shows its own certificate", async () => {
    const authority = createCertificateAuthority();
    const gateway = authority.issue({ dns: ["gateway.test"] });
    const caller = authority.issue({ commonName: "caller.test" });
    const server = new Server();
    const names: unknown[] = [];
    const getQuota: handleUnaryCall<GetQuotaRequest, GetQuotaResponse> = (call, callback) => {
      names.push(call.getAuthContext().sslPeerCertificate?.subject.CN);
      callback(null, GetQuotaResponse.fromPartial({ account: "default" }));
    };
    server.addService(OtaServiceService, { getQuota });
    const pair = { private_key: Buffer.from(gateway.key), cert_chain: Buffer.from(gateway.cert) };
    const secrets = ServerCredentials.createSsl(Buffer.from(authority.cert), [pair], true);
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", secrets, (error, bound) => (error ? reject(error) : resolve(bound))),
    );
    onTestFinished(() => server.forceShutdown());
    const address = `127.0.0.1:${port}`;

    const known = connected(address, { tls: { ca: authority.cert, serverName: "gateway.test", ...caller } });
    expect((await known.getQuota()).account).toBe("default");
    expect(names).toEqual(["caller.test"]);

    const distrustful = connected(address, { tls: { serverName: "gateway.test", ...caller } });
    expect(await rejection(distrustful.getQuota("", { timeoutMs: 3000 }))).toMatchObject({ reason: "TRANSPORT" });
    const misnamed = connected(address, { tls: { ca: authority.cert, ...caller } });
    expect(await rejection(misnamed.getQuota("", { timeoutMs: 3000 }))).toMatchObject({ reason: "TRANSPORT" });
    expect(names).toHaveLength(1);
  });
});
