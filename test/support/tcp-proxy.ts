// A stretch of network on loopback that can be cut and slowed down: in front of a store, one for
// each replica.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface TcpProxy {
  readonly port: number;
  /** Where new connections go. */
  targetPort: number;
  /** Delay of each packet, either way. */
  delayMs: number;
  /** How often a client has said something after the server had. */
  readonly roundTrips: number;
  /** Breaks connections, and refuses new ones. */
  cut(): void;
  /** Swallows packets silently. */
  swallow(): void;
  heal(): void;
  close(): void;
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let swallows = false;
  let roundTrips = 0;
  const server = createServer((near) => {
    const far = connect(proxy.targetPort, "127.0.0.1");
    let isAsking = false;
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from
        .on("error", () => {})
        .on("close", () => {
          sockets.delete(from);
          to.destroy();
        });
      from.on("data", (chunk) => {
        if (from === near && !isAsking) roundTrips++;
        isAsking = from === near;
        if (swallows) return;
        if (proxy.delayMs === 0) to.write(chunk);
        // Timers of the same length fire in order.
        else setTimeout(() => to.writable && to.write(chunk), proxy.delayMs);
      });
    }
    if (isCut) near.destroy();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const breakAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  const proxy: TcpProxy = {
    port: (server.address() as AddressInfo).port,
    targetPort,
    delayMs: 0,
    get roundTrips() {
      return roundTrips;
    },
    cut() {
      isCut = true;
      breakAll();
    },
    swallow() {
      swallows = true;
    },
    heal() {
      isCut = false;
      // Connections that lost packets cannot go on.
      if (swallows) breakAll();
      swallows = false;
    },
    close() {
      server.close();
      breakAll();
    },
  };
  return proxy;
}
