// Over real sockets, under the hand clock.
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, type ClientSessionOptions, connect } from "node:http2";
import { describe, expect, it, onTestFinished } from "vitest";
import { connect as connectClient } from "../../../../src/client/client.js";
import {
  HealthCheckResponse_ServingStatus as Health,
  HealthCheckResponse,
} from "../../../../src/gen/grpc/health/v1/health.js";
import { StreamCancelTasksByDeviceRequest as Message } from "../../../../src/gen/ota/v1/ota_service.js";
import { startGrpcServer } from "../../../../src/grpc/server.js";
import type { Authentication } from "../../../../src/grpc/transport/caller.js";
import { CallerBook } from "../../../../src/identity/caller-book.js";
import type { Identity, PendingIdentity } from "../../../../src/identity/identity.js";
import { framed } from "../../../fuzz/raw-rpcs.js";
import { FakeLog } from "../../../support/fake-log.js";
import { HandClock, settle } from "../../../support/hand-clock.js";
import { until } from "../../../support/processes.js";

const WATCH = "/grpc.health.v1.Health/Watch";
const CHECK = "/grpc.health.v1.Health/Check";
const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const CANCEL = "/ota.v1.OtaService/CancelTasksByDevice";
const STREAM = "/ota.v1.OtaService/StreamCancelTasksByDevice";
const QUOTA = "/ota.v1.OtaService/GetQuota";

const STRANGER: Identity = { kind: "stranger", why: "no credentials" };

async function setUp(bearer?: Authentication["bearer"]) {
  const [clock, log] = [new HandClock({ wallMs: Date.now() }), new FakeLog()];
  const refused: string[] = [];
  const server = await startGrpcServer("127.0.0.1", 0, {
    clock,
    log,
    defaultDeadlineMs: 60_000,
    gateways: new Map(),
    rollouts: new Map(),
    maxDevices: 10_000,
    callers: new CallerBook(new Map()),
    bearer,
    refused: (reason) => void refused.push(reason),
  });
  onTestFinished(() => server.close(100));
  const http2 = (options: ClientSessionOptions = {}): ClientHttp2Session => {
    const session = connect(`http://127.0.0.1:${server.port}`, { maxSessionMemory: 1000, ...options });
    session.on("error", () => {});
    onTestFinished(() => session.destroy());
    return session;
  };
  return { clock, refused, session: http2(), http2, port: server.port };
}

function rpc(session: ClientHttp2Session, path: string, headers: Record<string, string | string[]> = {}) {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.on("error", () => {});
  return stream;
}

async function statusOf(stream: ClientHttp2Stream): Promise<string> {
  let status: unknown;
  stream.on("response", (headers) => {
    status = headers["grpc-status"];
  });
  stream.on("trailers", (trailers) => {
    status = trailers["grpc-status"];
  });
  stream.resume();
  if (!stream.closed) await closed(stream);
  return String(status);
}

/** However it ends. */
function closed(each: ClientHttp2Stream | ClientHttp2Session): Promise<void> {
  return new Promise((resolve) => each.once("close", () => resolve()));
}

/**
 * Turns the clock until the stream has ended; returns its status, and by how much. Between two
 * steps the network has time for a way there and back, however busy the machine is.
 */
async function turned(
  clock: HandClock,
  stream: ClientHttp2Stream,
  stepMs = 1000,
): Promise<{ result: string; afterMs: number }> {
  const [startMs, { session }] = [clock.now(), stream];
  const status = statusOf(stream);
  while (!stream.closed) {
    await clock.advance(stepMs);
    if (session?.closed === false) await new Promise((resolve) => session.ping(resolve) || resolve(undefined));
    await settle();
  }
  return { result: await status, afterMs: clock.now() - startMs };
}

describe("StreamGate", () => {
  it.each([WATCH, REFLECTION, CANCEL, STREAM, QUOTA, "/no.such/Method"])(
    "takes no more headers than it would hold for a thousand others, before anything is asked: %s",
    async (path) => {
      const { session } = await setUp();
      const fits = rpc(session, path, { "x-a": "a".repeat(15_000) });
      const tooLarge = rpc(session, path, { "x-a": "a".repeat(16_384) });
      expect(await statusOf(tooLarge)).toBe("3");
      expect(fits.closed).toBe(path === "/no.such/Method" ? fits.closed : false);
    },
  );

  it("ends a connection that goes on sending more headers than it was told", async () => {
    const { session, refused } = await setUp();
    const ended = closed(session);
    for (let n = 0; n < 80; n++) rpc(session, WATCH, { "x-a": "a".repeat(17_000) });
    await ended;
    expect(refused).toContain("headers too large, again and again");
  });

  it("tells a client that does not go on with its request that it is too late, whatever it was to be", async () => {
    const { clock, session } = await setUp();
    for (const path of [WATCH, CANCEL, QUOTA]) {
      const stream = rpc(session, path);
      stream.write(Buffer.from([0, 0, 0, 0, 9, 1])); // of nine bytes, one
      const { result, afterMs } = await turned(clock, stream);
      expect([path, result]).toEqual([path, "4"]);
      expect(afterMs).toBeLessThan(60_000);
    }
  });

  it("wants a message of a stream whole in time, and lets a stream be silent between two", async () => {
    const { clock, session } = await setUp();
    const silent = rpc(session, STREAM);
    const begun = rpc(session, STREAM);
    begun.write(Buffer.from([0, 0, 0, 0, 9, 1]));
    const { result, afterMs } = await turned(clock, begun);
    expect(result).toBe("4");
    expect(afterMs).toBeLessThan(60_000);
    await clock.advance(600_000);
    expect(silent.closed).toBe(false);
  });

  it("does not take for late what it does not read itself (was: a stream that waited for room for 30 s was ended)", async () => {
    const alice: Identity = { kind: "caller", name: "alice" };
    let verified = (_: Identity) => {};
    const verifying = new Promise<Identity>((resolve) => {
      verified = resolve;
    });
    let identity: Identity | PendingIdentity = alice;
    const { clock, session, refused } = await setUp(() => identity);
    const stream = rpc(session, STREAM, { authorization: "Bearer a.b.c" });
    await until(() => stream.id !== undefined);
    await new Promise((resolve) => session.ping(resolve));
    identity = { kind: "pending", verify: () => verifying }; // nothing more is read meanwhile
    const messages = Array.from({ length: 50 }, (_, n) => {
      const request = { deviceNames: Array.from({ length: 100 }, (_, k) => `device-${k}`.padEnd(30, "-")) };
      return framed(Message.encode(Message.fromPartial({ sequence: BigInt(n), request })).finish());
    });
    stream.write(Buffer.concat(messages)); // so that frames end within messages
    let answers = 0;
    stream.on("data", () => answers++);
    for (let n = 0; n < 120; n++) {
      await clock.advance(1000);
      await new Promise((resolve) => session.ping(resolve));
    }
    expect([stream.closed, refused]).toEqual([false, []]);
    verified(alice);
    await until(() => answers > 0);
    stream.end();
    expect((await turned(clock, stream)).result).toBe("0");
  });

  it("ends reflection within a minute, and watches after longer than a connection is used", async () => {
    const { clock, session, refused } = await setUp();
    const reflection = await turned(clock, rpc(session, REFLECTION));
    expect(reflection.result).toBe("14");
    expect(reflection.afterMs).toBeLessThan(60_000);
    const watch = rpc(session, WATCH);
    watch.end(Buffer.alloc(5));
    await once(watch, "data");
    const { result, afterMs } = await turned(clock, watch, 30_000);
    expect(result).toBe("14");
    expect(afterMs).toBeGreaterThan(33 * 60_000);
    expect(refused).toEqual(["too old", "too old"]);
  });

  it("closes a stream that has been answered and is not ended by its client (was: held with its headers for ever)", async () => {
    const { clock, session } = await setUp(() => STRANGER);
    const stream = rpc(session, STREAM);
    const { result } = await turned(clock, stream); // it ends only when the server resets it
    expect(result).toBe("16");
  });

  it("keeps an answer for a client that is slow to read (was: the stream was closed before its status)", async () => {
    const { clock, http2 } = await setUp();
    const answer = framed(HealthCheckResponse.encode({ status: Health.SERVING }).finish());
    const session = http2({ settings: { initialWindowSize: answer.length } }); // none left for the end of the stream
    const pass = async (seconds: number) => {
      for (let n = 0; n < seconds; n++) {
        await clock.advance(1000);
        await new Promise((resolve) => session.ping(resolve));
      }
    };
    const [slow, never] = [rpc(session, CHECK), rpc(session, CHECK)];
    for (const stream of [slow, never]) stream.end(framed(Buffer.alloc(0)));
    await Promise.all([slow, never].map((stream) => once(stream, "response")));
    await pass(20);
    expect(await statusOf(slow)).toBe("0"); // it begins to read
    await pass(11);
    expect(await statusOf(never)).toBe("undefined"); // closed
  });

  it("takes no message that is longer than any of its method", async () => {
    const { clock, session } = await setUp();
    const question = rpc(session, REFLECTION);
    question.write(framed(Buffer.alloc(10), { length: 1025 }));
    expect((await turned(clock, question)).result).toBe("8");
  });

  it("gives a caller all the time that it asks for, unary and on a stream (was: none, for more than 24 days)", async () => {
    const { clock, session } = await setUp();
    const statuses: unknown[] = [];
    for (const timeout of ["2147484S", "2592000S", "3000000S", "597H", "1193H"]) {
      for (const path of [CANCEL, STREAM, QUOTA, WATCH]) {
        rpc(session, path, { "grpc-timeout": timeout }).on("response", (headers) => {
          if ("grpc-status" in headers) statuses.push(timeout, path, headers["grpc-status"]);
        });
      }
    }
    const short = rpc(session, QUOTA, { "grpc-timeout": "1m" });
    const { result, afterMs } = await turned(clock, short);
    expect(result).toBe("4");
    expect(afterMs).toBeLessThan(10_000);
    expect(statuses).toEqual([]);
  });

  it.each([CANCEL, STREAM, QUOTA, REFLECTION])(
    "ends what has no answer some time after its deadline, so that it overtakes no answer: %s",
    async (path) => {
      const { clock, session, refused } = await setUp();
      const { result, afterMs } = await turned(clock, rpc(session, path, { "grpc-timeout": "5S" }));
      expect(result).toBe("4");
      expect(afterMs).toBeGreaterThanOrEqual(7000);
      expect(afterMs).toBeLessThan(12_000);
      expect(refused).toEqual([]);
    },
  );

  it.each(["", "30", "123456789S", "-1S", "1.5S", "5 S", "forever"])(
    "refuses the timeout %j, which gRPC does not allow, and says what it allows (was: 123456789S meant 23456789S)",
    async (timeout) => {
      const { session, refused } = await setUp();
      for (const path of [CANCEL, STREAM, WATCH]) {
        expect(await statusOf(rpc(session, path, { "grpc-timeout": timeout }))).toBe("3");
      }
      expect(refused).toEqual(["no valid timeout", "no valid timeout", "no valid timeout"]);
    },
  );

  it("refuses a request of 30,000 long names once, and the client does not repeat it", async () => {
    const { refused, port } = await setUp();
    const client = connectClient(`127.0.0.1:${port}`);
    onTestFinished(() => client.close());
    const deviceNames = Array.from({ length: 30_000 }, (_, n) => String(n).padStart(32, "d"));
    const failed = client.cancelTasksByDevice({ productKey: "a1", firmwareId: "f1", deviceNames });
    await expect(failed).rejects.toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      message: "message too large (limit 745536 bytes); send it in parts",
    });
    expect(refused).toEqual(["message too large"]);
  });

  it("counts a stream with an unknown token for nobody, until it is verified", async () => {
    const verifying: ((identity: Identity) => void)[] = [];
    const { session } = await setUp(() => ({
      kind: "pending",
      verify: () => new Promise((resolve) => verifying.push(resolve)),
    }));
    const stream = rpc(session, QUOTA, { authorization: "Bearer a.b.c" });
    stream.end(framed(Buffer.alloc(0)));
    await until(() => verifying.length > 0);
    verifying[0]?.({ kind: "stranger", why: "wrong signature" });
    expect(await statusOf(stream)).toBe("16");
  });

  it.each<[string, Identity, string]>([
    ["has expired, or whose key has been withdrawn", { kind: "stranger", why: "expired" }, "16"],
    ["names another caller now", { kind: "caller", name: "mallory" }, "16"],
  ])("ends a stream at the next message when its token %s (was: it went on for ever)", async (_, later, status) => {
    let identity: Identity = { kind: "caller", name: "alice" };
    const { clock, session } = await setUp(() => identity);
    const stream = rpc(session, STREAM, { authorization: "Bearer a.b.c" });
    const answered = once(stream, "data");
    stream.write(framed(Buffer.from([8, 1]))); // a sequence without a request: an error of its own
    await answered;
    identity = later;
    stream.write(framed(Buffer.from([8, 2])));
    expect((await turned(clock, stream)).result).toBe(status);
  });
});
