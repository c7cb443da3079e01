// The emulator's port: open, closed for a while, or closed for good. Closing ends every connection
// at once, including calls under way.
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { HostPort } from "../base/host-port.js";

export interface HttpListener {
  readonly url: string;
  readonly port: number;
  readonly isOpen: boolean;
  /**
   * Refuses connections until the promise resolves, or for good if it rejects. The latest call
   * decides.
   */
  refuseUntil(over: Promise<void>): Promise<void>;
  /** Closes the port. Resolves when nothing is left open. */
  close(): Promise<void>;
}

/** 200 names of 32 escaped characters make an address of 21 KB; Node's default limit is 16 KB. */
const MAX_HEADER_BYTES = 65_536;
/**
 * With Node's default of 5 s, calls on idle connections would be reset if they come at just that
 * moment.
 */
const KEEP_ALIVE_MS = 60_000;

/** Opens the port. Rejects if the address cannot be listened on. */
export async function openListener(wanted: HostPort, take: RequestListener): Promise<HttpListener> {
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS }, take);
  server.listen(wanted);
  await once(server, "listening");
  server.on("error", ({ message }) => {
    if (server.listening) process.stderr.write(`emulator: could not accept a connection: ${message}\n`);
  });
  const { port, address: host, family } = server.address() as AddressInfo;

  let refusals = 0;
  let isOver = false;
  let shut: Promise<unknown> = Promise.resolve();

  async function close(): Promise<void> {
    if (server.listening) {
      shut = once(server, "close");
      server.close();
      server.closeAllConnections();
    }
    await shut;
  }

  return {
    url: `http://${family === "IPv6" ? `[${host}]` : host}:${port}`,
    port,
    get isOpen() {
      return server.listening;
    },
    close() {
      isOver = true;
      return close();
    },
    async refuseUntil(over) {
      const refusal = ++refusals;
      await Promise.all([close(), over]);
      if (isOver || refusal !== refusals) return;
      server.listen({ host, port });
      await once(server, "listening");
    },
  };
}
