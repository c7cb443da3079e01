// Limits the connections of the admin port, in total and for each address, and the requests on each
// to one at a time. A new connection replaces the oldest idle one: otherwise silent connections
// would lock out the health probes, and the process would be restarted. A connection with a request
// in progress is never closed for a new one.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

const MOST_CONNECTIONS = 256;
const MOST_OF_ONE_ADDRESS = 128;

/** Limits the connections of a server. To be called before it listens. */
export function holdConnections(server: Server): void {
  /** Connections without a request in progress, oldest first. */
  const idle = new Set<Socket>();
  const ofAddress = new Map<string, number>();
  /** All connections, with the address that each counts for. */
  const held = new Map<Socket, string>();

  server.on("connection", (socket) => {
    const address = socket.remoteAddress ?? "";
    const isFull = held.size >= MOST_CONNECTIONS;
    if (isFull || (ofAddress.get(address) ?? 0) >= MOST_OF_ONE_ADDRESS) {
      const oldest = first(idle, ({ remoteAddress }) => isFull || remoteAddress === address);
      (oldest ?? socket).destroy();
      if (!oldest) return;
      leave(oldest);
    }
    ofAddress.set(address, (ofAddress.get(address) ?? 0) + 1);
    held.set(socket, address);
    idle.add(socket);
    socket.once("close", () => leave(socket));
  });

  // Before the server answers. No browser, scraper or probe sends a request before it has the
  // answer to the last, but one packet can hold two thousand of them, and Node begins all at once.
  server.prependListener("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
    if (!idle.delete(socket)) return void socket.destroy();
    response.once("close", () => {
      if (held.has(socket)) idle.add(socket);
    });
  });

  function leave(socket: Socket): void {
    const address = held.get(socket);
    if (address === undefined) return;
    held.delete(socket);
    idle.delete(socket);
    const left = (ofAddress.get(address) ?? 0) - 1;
    if (left > 0) ofAddress.set(address, left);
    else ofAddress.delete(address);
  }
}

function first<T>(all: Iterable<T>, holds: (each: T) => boolean): T | undefined {
  for (const each of all) if (holds(each)) return each;
  return undefined;
}
