// The gRPC port over real sockets, under the hand clock: what a connection may be, and for how long.
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
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
  const reasons = () => log.lines.flatMap(({ fields }) => Object.keys((fields as { reasons?: object }).reasons ?? {}));
  return { clock, server, tcp, reasons };
}

describe("startGrpcServer", () => {
  it("ends a connection that says nothing, and one that stops in the middle of its first words", async () => {
    const { clock, tcp, reasons } = await setUp();
    const [silent, half] = [tcp(), tcp()];
    half.write("PRI * HTTP/2.0\r\n");
    await Promise.all([once(silent, "connect"), once(half, "connect")]);
    await until(async () => {
      await clock.advance(5000);
      return silent.destroyed && half.destroyed;
    });
    expect(reasons()).toContain("it said nothing");
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
    const { clock, server } = await setUp();
    const session = connectHttp2(`http://127.0.0.1:${server.port}`);
    onTestFinished(() => session.destroy());
    const headers = { ":method": "POST", "content-type": "application/grpc", te: "trailers" };
    const slow = session.request({ ...headers, ":path": "/ota.v1.OtaService/GetQuota" });
    slow.write(Buffer.from([0, 0, 0, 0, 9, 1])); // of nine bytes, one
    const answer = once(slow, "response");
    const health = session.request({ ...headers, ":path": "/grpc.health.v1.Health/Check" });
    health.end(Buffer.alloc(5));
    await once(health, "response");
    await until(async () => {
      await clock.advance(5000);
      return Promise.race([answer.then(() => true), new Promise<false>((resolve) => setImmediate(resolve, false))]);
    });
    const [response] = await answer;
    expect(response).toMatchObject({ "grpc-status": "4" });
    expect(clock.now()).toBeGreaterThanOrEqual(30_000);
    expect(session.destroyed).toBe(false);
  });
});
