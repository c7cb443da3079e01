// An HTTP proxy on loopback, as companies have one: it resolves every name to loopback, forwards
// plain requests and opens tunnels, and keeps what it was asked for.
import { once } from "node:events";
import { createServer, request as send } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

export interface ForwardProxy {
  /** For HTTPS_PROXY and HTTP_PROXY, with the user that it wants. */
  readonly url: string;
  readonly port: number;
  /** `CONNECT host:port` or `GET http://host/…`, in order. */
  readonly asked: readonly string[];
  /** The status with which it refuses everything from now on; undefined to allow it. */
  refusesWith: number | undefined;
  close(): void;
}

const USER = `Basic ${Buffer.from("gateway:p@ss/word").toString("base64")}`;

export async function startForwardProxy(): Promise<ForwardProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const meaningOf = (authorization: string | undefined) => proxy.refusesWith ?? (authorization === USER ? 200 : 407);
  const server = createServer(async (incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    const verdict = meaningOf(incoming.headers["proxy-authorization"]);
    if (verdict !== 200) return void response.writeHead(verdict).end();
    const { port, pathname, search } = new URL(incoming.url ?? "");
    const { "proxy-authorization": _, ...headers } = incoming.headers;
    const { method } = incoming;
    const out = send({ host: "127.0.0.1", port, path: pathname + search, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    out.on("error", () => response.destroy());
    incoming.pipe(out);
  });
  server.on("connection", (socket) => void keep(socket));
  server.on("connect", (incoming, near: Socket, head: Buffer) => {
    asked.push(`CONNECT ${incoming.url}`);
    const verdict = meaningOf(incoming.headers["proxy-authorization"]);
    if (verdict !== 200) return void near.end(`HTTP/1.1 ${verdict} Refused\r\ncontent-length: 0\r\n\r\n`);
    const far = keep(
      connect(Number(incoming.url?.split(":").at(-1)), "127.0.0.1", () => {
        near.write("HTTP/1.1 200 Connection established\r\n\r\n");
        far.write(head);
        far.pipe(near).pipe(far);
      }),
    );
    far.on("close", () => near.destroy());
    near.on("close", () => far.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const proxy: ForwardProxy = {
    url: `http://gateway:p%40ss%2Fword@127.0.0.1:${port}`,
    port,
    asked,
    refusesWith: undefined,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return proxy;

  function keep(socket: Socket): Socket {
    sockets.add(socket);
    return socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  }
}
