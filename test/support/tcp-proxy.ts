// A stretch of network on loopback that can be cut and made slow: in front of a store, one for each replica.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface TcpProxy {
  readonly port: number;
  /** Where new connections go. */
  targetPort: number;
  /** By so much each packet is late, either way. */
  delayMs: number;
  /** Connections break, and new ones are refused. */
  cut(): void;
  /** Packets are swallowed, and nobody is told. */
  swallow(): void;
  heal(): void;
  close(): void;
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let swallows = false;
  const server = createServer((near) => {
    const far = connect(proxy.targetPort, "127.0.0.1");
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
        if (swallows) return;
        if (proxy.delayMs === 0) to.write(chunk);
        // Timers of one length fire in their order.
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
    cut() {
      isCut = true;
      breakAll();
    },
    swallow() {
      swallows = true;
    },
    heal() {
      isCut = false;
      // What was swallowed is missing from the streams of before.
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
