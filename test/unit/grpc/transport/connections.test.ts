import { once } from "node:events";
import {
  type ClientHttp2Session,
  connect,
  createServer as createHttp2Server,
  type ServerHttp2Stream,
} from "node:http2";
import { type AddressInfo, connect as connectSocket, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { MOST_ANSWER_BYTES } from "../../../../src/grpc/resource-bounds.js";
import { Connection, Connections } from "../../../../src/grpc/transport/connections.js";
import { GuardedStream } from "../../../../src/grpc/transport/guarded-stream.js";
import { MethodRules } from "../../../../src/grpc/transport/method-rules.js";
import { OpenStreams } from "../../../../src/grpc/transport/open-streams.js";
import { StreamHead } from "../../../../src/grpc/transport/stream-head.js";
import { createCertificateAuthority } from "../../../support/certificate-authority.js";
import { freePort } from "../../../support/free-port.js";
import { HandClock } from "../../../support/hand-clock.js";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** An HTTP/2 server that answers everything, and what it admitted, in the order of arrival. */
async function listening(isSecure: boolean) {
  const connections = new Connections({ clock: new HandClock(), refused: () => {} });
  const admitted: Connection[] = [];
  const http2 = createHttp2Server((_, response) => void response.end());
  const { cert, key } = createCertificateAuthority().issue({ dns: ["localhost"] });
  const server: Server = isSecure
    ? createTlsServer({ cert, key, ALPNProtocols: ["h2"] }, (socket) => void http2.emit("connection", socket))
    : createServer((socket) => void http2.emit("connection", socket));
  server.prependListener("connection", (socket) => {
    const connection = connections.acceptConnection(socket);
    if (connection) admitted.push(connection);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = async () => {
    const session = connect(`${isSecure ? "https" : "http"}://127.0.0.1:${port}`, { rejectUnauthorized: false });
    closing.push(() => session.destroy());
    await answer(session); // it has begun
    return session;
  };
  closing.push(() => {
    connections.close();
    server.close();
  });
  return { admitted, client };
}

async function answer(session: ClientHttp2Session): Promise<void> {
  const stream = session.request({ ":path": "/" });
  stream.resume();
  await once(stream, "close");
}

const SECOND_MS = 1000;

function guardedOn(connection: Connection, clock: HandClock): GuardedStream {
  const { address } = connection;
  const identity = { kind: "caller", name: "a" } as const;
  const entrance = {
    head: new StreamHead({}, connection),
    counted: new OpenStreams().openStream({ connection, address, caller: identity.name, kind: "rpc" }),
    rules: new MethodRules(1024).of("/ota.v1.OtaService/GetQuota"),
    identity,
    timeoutMs: Infinity,
  };
  return new GuardedStream({ writableLength: 0 } as ServerHttp2Stream, entrance, { clock, refused: () => {} });
}

describe("Connection", () => {
  it.each([
    ["in plain text", false],
    ["by TLS", true],
  ])("is not read while it is held, and goes on where it was when it is released, %s", async (_, isSecure) => {
    const { admitted, client } = await listening(isSecure);
    const [first, second] = [await client(), await client()];
    const answered: string[] = [];
    admitted[0]?.hold();
    const held = answer(first).then(() => answered.push("held"));
    for (let n = 0; n < 20; n++) await answer(second);
    answered.push("other");
    admitted[0]?.release();
    await held;
    expect(answered).toEqual(["other", "held"]);
    await answer(first);
  });

  it("can be held and released when it has gone", async () => {
    const { admitted, client } = await listening(false);
    const session = await client();
    session.destroy();
    await once(session, "close");
    admitted[0]?.hold();
    admitted[0]?.release();
  });

  it("is at fault when its answers are not taken for half a minute, and not while some are", async () => {
    const clock = new HandClock();
    const connection = new Connection({ bytesRead: 100 } as Socket, "10.0.0.1", 0, { asked() {} });
    const streams = Array.from({ length: 3 }, () => guardedOn(connection, clock));
    const [first, second, third] = streams;
    await clock.advance(60 * SECOND_MS);
    expect(connection.fault(clock.now())).toBeUndefined(); // nothing has been answered
    first?.finish(clock.now());
    second?.finish(clock.now());
    await clock.advance(29 * SECOND_MS);
    first?.close();
    third?.finish(clock.now());
    await clock.advance(29 * SECOND_MS);
    expect(connection.fault(clock.now())).toBeUndefined();
    await clock.advance(2 * SECOND_MS);
    expect(connection.fault(clock.now())).toBe("answers not read in time");
    for (const stream of streams) stream.close();
    expect(connection.fault(clock.now())).toBeUndefined();
  });

  it("counts no answer on a stream that closed before it", async () => {
    const clock = new HandClock();
    const connection = new Connection({ bytesRead: 100 } as Socket, "10.0.0.1", 0, { asked() {} });
    const stream = guardedOn(connection, clock);
    stream.close();
    stream.finish(clock.now());
    await clock.advance(60 * SECOND_MS);
    expect(connection.fault(clock.now())).toBeUndefined();
  });

  it("is at fault when it says nothing", () => {
    const socket = { bytesRead: 32 };
    const connection = new Connection(socket as Socket, "10.0.0.1", 0, { asked() {} });
    expect(connection.fault(10 * SECOND_MS)).toBeUndefined();
    expect(connection.fault(10 * SECOND_MS + 1)).toBe("no HTTP/2 preface in time");
    socket.bytesRead = 33;
    expect(connection.fault(3600 * SECOND_MS)).toBeUndefined();
  });

  it("is at fault when it sends much more than its requests can be", () => {
    const socket = { bytesRead: 100 };
    const connection = new Connection(socket as Socket, "10.0.0.1", 0, { asked() {} });
    connection.fault(0);
    socket.bytesRead += 18_000_000;
    for (let n = 0; n < 2; n++) connection.asked("a");
    expect(connection.fault(1)).toBeUndefined();
    socket.bytesRead += 17_000_000;
    expect(connection.fault(2)).toBe("excessive traffic without requests");
  });

  it("may send its requests long after it began them (was: ended when they took more than one sweep)", () => {
    const socket = { bytesRead: 100 };
    const connection = new Connection(socket as Socket, "10.0.0.1", 0, { asked() {} });
    connection.fault(0);
    for (let n = 0; n < 100; n++) connection.asked("a");
    for (let sweep = 0; sweep < 10; sweep++) {
      socket.bytesRead += 26_000_000;
      expect(connection.fault(sweep)).toBeUndefined();
    }
    socket.bytesRead += 17_000_000;
    expect(connection.fault(10)).toBe("excessive traffic without requests");
  });

  it("saves up no more than as many requests can be on the way at once", () => {
    const socket = { bytesRead: 100 };
    const connection = new Connection(socket as Socket, "10.0.0.1", 0, { asked() {} });
    for (let n = 0; n < 10_000; n++) connection.asked("a");
    expect(connection.fault(0)).toBeUndefined();
    socket.bytesRead += 16_000_000 + 512_000_001;
    expect(connection.fault(1)).toBe("excessive traffic without requests");
  });

  it("has no name any more once its client's certificate has ended", () => {
    const connection = new Connection({ bytesRead: 0 } as Socket, "10.0.0.1", 0, { asked() {} });
    expect(connection.nameAt(0)).toBeUndefined();
    connection.certify("fleet", 1000);
    expect(connection.nameAt(999)).toBe("fleet");
    expect(connection.nameAt(1000)).toBeUndefined();
  });

  it("is ended when more answers wait than it may hold", () => {
    let isEnded = false;
    const destroy = () => {
      isEnded = true;
    };
    const socket = { bytesRead: 0, destroy };
    const connection = new Connection(socket as unknown as Socket, "10.0.0.1", 0, { asked() {} });
    connection.answered(0, MOST_ANSWER_BYTES);
    connection.taken(0, MOST_ANSWER_BYTES);
    connection.answered(0, MOST_ANSWER_BYTES);
    expect(isEnded).toBe(false);
    connection.answered(0, 1);
    expect(isEnded).toBe(true);
  });
});

describe("Connections.acceptConnection", () => {
  it("takes no second connection from the same address and port, which gRPC could not tell from the first", async () => {
    const connections = new Connections({ clock: new HandClock(), refused: () => {} });
    closing.push(() => connections.close());
    const admitted: (Connection | undefined)[] = [];
    const servers = ["127.0.0.1", "127.0.0.2"].map((host) => {
      const server = createServer((socket) => void admitted.push(connections.acceptConnection(socket))).listen(0, host);
      closing.push(() => server.close());
      return server;
    });
    await Promise.all(servers.map((server) => once(server, "listening")));
    const [one, other] = servers.map((server) => server.address() as AddressInfo);
    const from = { localAddress: "127.0.0.1", localPort: await freePort() };
    const first = connectSocket({ host: "127.0.0.1", port: one?.port ?? 0, ...from });
    closing.push(() => first.destroy());
    await once(first, "connect");
    const second = connectSocket({ host: "127.0.0.2", port: other?.port ?? 0, ...from });
    second.on("error", () => {}); // it may be told so by a reset
    await once(second, "close");
    expect(admitted).toEqual([expect.anything(), undefined]);
    expect(connections.of(`127.0.0.1:${from.localPort}`)).toBe(admitted[0]);
  });
});
