// Small real servers on the loopback, each closed after the test that made it.
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A TCP server. Resolves with its port, once it listens. */
export async function listenTcp(onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined).on("close", () => sockets.delete(socket)));
    onSocket(socket);
  });
  return listen(server, () => {
    for (const socket of sockets) socket.destroy();
  });
}

/** An HTTP server. Resolves with its port, once it listens. */
export function listenHttp(onRequest: RequestListener): Promise<number> {
  const server = createHttpServer({ maxHeaderSize: 65_536 }, onRequest);
  return listen(server, () => server.closeAllConnections());
}

/** A port that nobody listens on. One that has just been closed may be taken by another process. */
export const CLOSED_PORT = 1;

/** Makes `server` listen until the test is over. */
export async function listen(server: Server, disconnect: () => void): Promise<number> {
  const port = await bound(server);
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    disconnect();
    await closed;
  });
  return port;
}

function bound(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : 0);
    });
  });
}
