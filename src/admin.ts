// The admin port: whether the process lives, and whether it is ready to be sent requests.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * `opening`: requests are taken and wait, until no call of a predecessor can still be travelling; `away`: the
 * shared ledger has not been reached yet; `degraded`: it was, and cannot be used now.
 */
export type Readiness = "ok" | "degraded" | "opening" | "away" | "draining";

export interface AdminServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens on `host:port`; port 0 takes a free one. */
export async function startAdminServer(host: string, port: number, readiness: () => Readiness): Promise<AdminServer> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: object) => {
      response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
      response.end(request.method === "HEAD" ? "" : `${JSON.stringify(body)}\n`);
    };
    if (request.method !== "GET" && request.method !== "HEAD") return answer(405, { error: "only GET is answered" });
    switch (request.url) {
      case "/livez":
        return answer(200, { status: "ok" });
      case "/readyz": {
        const status = readiness();
        return answer(status === "ok" || status === "degraded" ? 200 : 503, { status });
      }
      default:
        return answer(404, { error: "there are /livez and /readyz" });
    }
  });
  server.listen(port, host);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
