// The admin port: whether the process lives and is ready, its metrics, and a page for the operator. It
// only tells, and changes nothing; whatever is asked of it, the gateway goes on.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../../base/clock.js";
import type { Log } from "../../base/log.js";
import { answerJson, answerText, refuse } from "./answer.js";
import { type Download, sendDownload } from "./download.js";
import { EventStream } from "./event-stream.js";
import { createGate, isForeignHost } from "./gate.js";
import { holdConnections } from "./hold-connections.js";
import { PAGE_FILES } from "./page-files.js";
import type { Readiness, SnapshotSource } from "./snapshot.js";

export interface AdminOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Who knows it may see everything from anywhere; without one, only this machine may. */
  readonly token?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly readiness: () => Readiness;
  /** By account, where its tokens are kept; told along with the readiness. */
  readonly modes?: () => Readonly<Record<string, string>>;
  readonly snapshot: SnapshotSource;
  readonly metrics?: () => Promise<{ readonly contentType: string; readonly body: string }>;
  readonly flightRecord?: () => Download;
}

export interface AdminServer {
  readonly port: number;
  /** Ends events and downloads too. */
  close(): Promise<void>;
}

/** Generous for people and probes, and an end to everything that only holds a connection. */
const LIMITS = {
  maxHeaderSize: 8192,
  headersTimeout: 3000,
  requestTimeout: 10_000,
  keepAliveTimeout: 10_000,
  connectionsCheckingInterval: 1000,
};
const MOST_DOWNLOADS = 2;

type Route = (response: ServerResponse, request: IncomingMessage) => void | Promise<void>;

/** Listens on `host:port`. */
export async function startAdminServer(options: AdminOptions): Promise<AdminServer> {
  const { host, port, clock, log, snapshot } = options;
  const events = new EventStream({ clock, source: snapshot, log });
  const gate = createGate(host, options.token);
  const routes = openRoutes(options);
  const guarded = guardedRoutes(options, events);
  const server = createServer(LIMITS, async (request, response) => {
    response.on("error", () => {}); // a client that leaves in the middle
    const [path = "/"] = (request.url ?? "/").split("?", 1);
    try {
      if (request.method !== "GET" && request.method !== "HEAD") {
        return refuse(response, {
          status: 405,
          error: "only GET and HEAD are answered",
          headers: { allow: "GET, HEAD" },
        });
      }
      const refusal = guarded.has(path) || isForeignHost(host, request.headers) ? gate(request.headers) : undefined;
      if (refusal) return refuse(response, refusal);
      const route = routes.get(path) ?? guarded.get(path);
      if (route) return await route(response, request);
      const paths = [...routes.keys(), ...guarded.keys()].filter((each) => !each.startsWith("/page/"));
      refuse(response, { status: 404, error: `there are ${paths.join(" ")}` });
    } catch (error) {
      log.error({ err: error, path }, "the admin port failed to answer");
      if (response.headersSent) response.destroy();
      else refuse(response, { status: 500, error: "this failed; the log says why" });
    }
  });
  holdConnections(server);
  server.listen(port, host);
  await once(server, "listening");
  server.on("error", (error) => log.error({ err: error }, "the admin port failed to take a connection"));
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = once(server, "close");
      events.close();
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** For whoever can connect: probes and scrapers carry no token. */
function openRoutes({ readiness, modes, metrics }: AdminOptions): Map<string, Route> {
  const routes = new Map<string, Route>([
    ["/livez", (response) => answerJson(response, 200, { status: "ok" })],
    [
      "/readyz",
      (response) => {
        const status = readiness();
        const isReady = status === "ok" || status === "degraded";
        answerJson(response, isReady ? 200 : 503, { status, ...(modes && { accounts: modes() }) });
      },
    ],
  ]);
  if (metrics) {
    routes.set("/metrics", async (response) => {
      const { contentType, body } = await metrics();
      answerText(response, 200, contentType, body);
    });
  }
  return routes;
}

/** For whoever the gate lets in. */
function guardedRoutes({ flightRecord }: AdminOptions, events: EventStream): Map<string, Route> {
  const routes = new Map<string, Route>();
  for (const [path, { contentType, body }] of PAGE_FILES) {
    routes.set(path, (response) => answerText(response, 200, contentType, body));
  }
  routes.set("/events", (response, { method }) => {
    if (method === "HEAD") return answerText(response, 200, "text/event-stream", "");
    if (!events.add(response)) refuse(response, { status: 503, error: "too many are looking already" });
  });
  if (flightRecord) {
    let downloads = 0;
    routes.set("/flight-record", async (response, { method }) => {
      if (method === "HEAD") return answerText(response, 200, "application/octet-stream", "");
      if (downloads >= MOST_DOWNLOADS)
        return refuse(response, { status: 503, error: "it is being downloaded already" });
      downloads += 1;
      await sendDownload(response, flightRecord()).finally(() => {
        downloads -= 1;
      });
    });
  }
  return routes;
}
