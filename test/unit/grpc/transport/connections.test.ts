import { once } from "node:events";
import { type ClientHttp2Session, connect, createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, connect as connectSocket, createServer, type Server } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { type Connection, Connections } from "../../../../src/grpc/transport/connections.js";
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
    const connection = connections.admit(socket);
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
});

describe("Connections.admit", () => {
  it("takes no second connection from the same address and port, which gRPC could not tell from the first", async () => {
    const connections = new Connections({ clock: new HandClock(), refused: () => {} });
    closing.push(() => connections.close());
    const admitted: (Connection | undefined)[] = [];
    const servers = ["127.0.0.1", "127.0.0.2"].map((host) => {
      const server = createServer((socket) => void admitted.push(connections.admit(socket))).listen(0, host);
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
