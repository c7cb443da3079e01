// The gRPC port over real sockets, under the hand clock: what a connection may be, and for how long.
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { queryObjects } from "node:v8";
import { describe, expect, it, onTestFinished } from "vitest";
import { startGrpcServer } from "../../../src/grpc/server.js";
import { CallerBook } from "../../../src/identity/caller-book.js";
import { FakeLog } from "../../support/fake-log.js";
import { HandClock } from "../../support/hand-clock.js";
import { until } from "../../support/processes.js";

async function setUp() {
  const [clock, log] = [new HandClock({ wallMs: Date.now() }), new FakeLog()];
  const options = {
    clock,
    log,
    defaultDeadlineMs: 60_000,
    gateways: new Map(),
    rollouts: new Map(),
    maxDevices: 10,
    callers: new CallerBook(new Map()),
  };
  const server = await startGrpcServer("127.0.0.1", 0, options);
  onTestFinished(() => server.close(100));
  const tcp = (): Socket => {
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => {}).resume();
    onTestFinished(() => void socket.destroy());
    return socket;
  };
  const http2 = (): ClientHttp2Session => {
    const session = connectHttp2(`http://127.0.0.1:${server.port}`);
    session.on("error", () => {});
    onTestFinished(() => session.destroy());
    return session;
  };
  const reasons = () => log.lines.flatMap(({ fields }) => Object.keys((fields as { reasons?: object }).reasons ?? {}));
  return { clock, server, tcp, http2, reasons };
}

const HEADERS = { ":method": "POST", "content-type": "application/grpc", te: "trailers" };

/** A call that stays open: nothing happens on it. Resolves once the server has it. */
async function watchHealth(session: ClientHttp2Session): Promise<ClientHttp2Stream> {
  const watch = session.request({ ...HEADERS, ":path": "/grpc.health.v1.Health/Watch" });
  watch.on("error", () => {}).end(Buffer.alloc(5));
  await once(watch, "data");
  return watch;
}

/** A stream that lasts until the client ends it. */
async function listServices(session: ClientHttp2Session): Promise<ClientHttp2Stream> {
  const stream = session.request({ ...HEADERS, ":path": "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo" });
  stream.on("error", () => {}).write(Buffer.from([0, 0, 0, 0, 2, 0x3a, 0])); // which services there are
  await once(stream, "data");
  return stream.resume();
}

/** One of cancels lasts for as long as both like. */
async function openStream(session: ClientHttp2Session): Promise<ClientHttp2Stream> {
  const stream = session.request({ ...HEADERS, ":path": "/ota.v1.OtaService/StreamCancelTasksByDevice" });
  stream.on("error", () => {}).resume();
  await ping(session); // which comes after it
  return stream;
}

function ping(session: ClientHttp2Session): Promise<unknown> {
  return new Promise((resolve) => session.ping(resolve));
}

/** Node has one for each length of a timer that somebody waits for. */
function timerLists(): number {
  const alone = setTimeout(() => {}, 1e8 + 1) as NodeJS.Timeout & { readonly _idleNext: object };
  const count = queryObjects(alone._idleNext.constructor, { format: "count" });
  clearTimeout(alone);
  return count;
}

describe("startGrpcServer", () => {
  it("ends a connection that says nothing, and one that stops in the middle of its first words", async () => {
    const { clock, tcp, reasons } = await setUp();
    const [silent, half] = [tcp(), tcp()];
    half.write("PRI * HTTP/2.0\r\n");
    await Promise.all([once(silent, "connect"), once(half, "connect")]);
    await clock.advanceUntil(5000, () => silent.destroyed && half.destroyed);
    await clock.advance(5000);
    expect(reasons()).toContain("no HTTP/2 preface in time");
  });

  it("lets one address have so many connections and no more", async () => {
    const { clock, tcp, reasons } = await setUp();
    const sockets: Socket[] = [];
    // In parts: the system itself drops some of a thousand at once, and they come again later.
    for (let part = 0; part < 8; part++) {
      const more = Array.from({ length: 128 }, tcp);
      await Promise.all(more.map((socket) => once(socket, "connect")));
      sockets.push(...more);
    }
    const tooMany = tcp();
    await once(tooMany, "close");
    await clock.advance(5000);
    expect(reasons()).toEqual(["too many from one address"]);
    sockets[0]?.destroy();
    await until(async () => {
      const next = tcp();
      next.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
      return Promise.race([once(next, "data").then(() => true), once(next, "close").then(() => false)]);
    });
  });

  it("tells who does not go on with a request that it is too late, and lets the connection be", async () => {
    const { clock, http2 } = await setUp();
    const session = http2();
    const slow = session.request({ ...HEADERS, ":path": "/ota.v1.OtaService/GetQuota" });
    slow.write(Buffer.from([0, 0, 0, 0, 9, 1])); // of nine bytes, one
    let answer: object | undefined;
    slow.once("response", (headers) => {
      answer = headers;
    });
    const health = session.request({ ...HEADERS, ":path": "/grpc.health.v1.Health/Check" });
    health.end(Buffer.alloc(5));
    await once(health, "response");
    await clock.advanceUntil(5000, () => answer !== undefined);
    expect(answer).toMatchObject({ "grpc-status": "4" });
    expect(clock.now()).toBeGreaterThanOrEqual(30_000);
    expect(session.destroyed).toBe(false);
  });

  it("asks a client to connect anew after half an hour, and lets what it has begun go on", async () => {
    const { clock, server, http2 } = await setUp();
    const session = http2();
    let isAsked = false;
    session.once("goaway", (code) => {
      isAsked = code === 0;
    });
    const watch = await watchHealth(session);
    await clock.advance(26 * 60_000);
    await once(session.request({ ...HEADERS, ":path": "/" }), "response");
    expect(isAsked).toBe(false);
    // Its answer to a ping comes after everything that it had sent before.
    await clock.advanceUntil(30_000, () => ping(session).then(() => isAsked));
    expect(clock.now()).toBeLessThan(34 * 60_000);
    server.stopServing();
    await once(watch, "data");
  });

  it("asks those who came together at different times", async () => {
    const { clock, http2 } = await setUp();
    const sessions = Array.from({ length: 30 }, http2);
    const askedMs = sessions.map(async (session) => {
      await once(session, "goaway");
      return clock.now();
    });
    await Promise.all(sessions.map((session) => once(session, "remoteSettings")));
    let isOver = false;
    const all = Promise.all(askedMs).finally(() => {
      isOver = true;
    });
    await clock.advanceUntil(10_000, () => isOver);
    expect(new Set(await all).size).toBeGreaterThan(5);
  });

  // Half an hour of each connection's own would: Node keeps the list of an unreferenced timer until it would have run.
  it("leaves no timers behind for connections that have gone", async () => {
    const { http2 } = await setUp();
    const comeAndGo = async () => {
      const sessions = Array.from({ length: 50 }, http2);
      await Promise.all(sessions.map((session) => once(session, "remoteSettings")));
      for (const session of sessions) session.close();
      await Promise.all(sessions.map((session) => session.destroyed || once(session, "close")));
    };
    await comeAndGo();
    const before = timerLists();
    await comeAndGo();
    expect(timerLists() - before).toBeLessThan(10);
  });

  it("ends when every call has, those of connections that were asked to go too", async () => {
    const { clock, server, http2 } = await setUp();
    const session = http2();
    let isAsked = false;
    session.once("goaway", () => {
      isAsked = true;
    });
    const stream = await openStream(session);
    await clock.advanceUntil(60_000, () => isAsked);
    let hasEnded = false;
    const ended = server.close(60_000).then(() => {
      hasEnded = true;
    });
    await clock.advance(0);
    expect(hasEnded).toBe(false);
    stream.end();
    await ended;
  });

  it("cuts off in the end who does not go", async () => {
    const { server, http2 } = await setUp();
    const gone = once(await listServices(http2()), "close");
    await server.close(50);
    await gone;
  });
});
