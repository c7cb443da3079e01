// The admin port: liveness, readiness, metrics, and a page for the operator. It is read-only, and
// no request to it can stop the gateway.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../../base/clock.js";
import type { Log } from "../../base/log.js";
import { answerJson, answerText, refuse } from "./answer.js";
import { holdConnections } from "./connection-limit.js";
import { type Download, sendDownload } from "./download.js";
import { EventStream } from "./event-stream.js";
import { createGate, isForeignHost } from "./gate.js";
import { PAGE_FILES } from "./page-files.js";
import { RUNBOOK } from "./runbook.js";
import type { Readiness, SnapshotSource } from "./snapshot.js";

export interface AdminOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** With it, the page can be seen from anywhere. Without a token, only from this machine. */
  readonly token?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly readiness: () => Readiness;
  /** The state of each account; reported with the readiness. `cause`: why its ledger is away. */
  readonly conditions?: () => Readonly<
    Record<string, { readonly state: string; readonly obstacle?: string; readonly cause?: string }>
  >;
  readonly snapshot: SnapshotSource;
  readonly metrics?: () => Promise<{ readonly contentType: string; readonly body: string }>;
  readonly flightRecord?: () => Download;
}

export interface AdminServer {
  readonly port: number;
  /** Also ends event streams and downloads. */
  close(): Promise<void>;
}

/** Generous for people and probes, but every connection that does nothing ends. */
const LIMITS = {
  maxHeaderSize: 8192,
  headersTimeout: 3000,
  requestTimeout: 10_000,
  keepAliveTimeout: 10_000,
  connectionsCheckingInterval: 1000,
};
const MOST_DOWNLOADS = 2;

/** How long an answer may wait for its client. Event streams and downloads have their own. */
const TAKEN_WITHIN_MS = 30_000;

type Route = (response: ServerResponse, request: IncomingMessage) => void | Promise<void>;

/** Starts the server on `host:port`. */
export async function startAdminServer(options: AdminOptions): Promise<AdminServer> {
  const { host, port, clock, log, snapshot } = options;
  const events = new EventStream({ clock, source: snapshot, log });
  const gate = createGate(host, options.token);
  const routes = openRoutes(options);
  const guarded = guardedRoutes(options, events);
  const server = createServer(LIMITS, async (request, response) => {
    if (request.socket.destroyed) return;
    response.on("error", () => {}); // the client left in the middle
    const [path = "/"] = (request.url ?? "/").split("?", 1);
    try {
      if (request.method !== "GET" && request.method !== "HEAD") {
        return refuse(response, {
          status: 405,
          error: "method not allowed; use GET or HEAD",
          headers: { allow: "GET, HEAD" },
        });
      }
      const refusal = guarded.has(path) || isForeignHost(host, request.headers) ? gate(request.headers) : undefined;
      if (refusal) return refuse(response, refusal);
      const route = routes.get(path) ?? guarded.get(path);
      if (route) return await route(response, request);
      const paths = [...routes.keys(), ...guarded.keys()].filter((each) => !/^\/(page|runbook)\//.test(each));
      refuse(response, { status: 404, error: `not found; the paths are ${paths.join(" ")}` });
    } catch (error) {
      log.error({ err: error, path }, "a request to the admin port failed");
      if (response.headersSent) response.destroy();
      else refuse(response, { status: 500, error: "internal error; see the gateway's log" });
    } finally {
      if (response.writableEnded && !response.destroyed) endUnlessTaken(response, clock);
    }
  });
  holdConnections(server);
  server.listen(port, host);
  await once(server, "listening");
  server.on("error", (error) => log.error({ err: error }, "the admin port could not accept a connection"));
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

/** A client that does not read its answer would keep its connection, and lock out the probes. */
function endUnlessTaken(response: ServerResponse, clock: Clock): void {
  const disarm = clock.at(clock.now() + TAKEN_WITHIN_MS, () => response.destroy());
  response.once("close", disarm);
}

/** Paths open to every client that can connect: probes and scrapers carry no token. */
function openRoutes({ readiness, conditions, metrics }: AdminOptions): Map<string, Route> {
  const routes = new Map<string, Route>([
    ["/livez", (response) => answerJson(response, 200, { status: "ok" })],
    [
      "/readyz",
      (response) => {
        const status = readiness();
        const isReady = status === "ok" || status === "degraded";
        answerJson(response, isReady ? 200 : 503, { status, ...(conditions && { accounts: conditions() }) });
      },
    ],
  ]);
  for (const [path, body] of RUNBOOK) {
    routes.set(path, (response) => answerText(response, 200, "text/html; charset=utf-8", body));
  }
  if (metrics) {
    routes.set("/metrics", async (response) => {
      const { contentType, body } = await metrics();
      answerText(response, 200, contentType, body);
    });
  }
  return routes;
}

/** Paths that require the gate. */
function guardedRoutes({ flightRecord }: AdminOptions, events: EventStream): Map<string, Route> {
  const routes = new Map<string, Route>();
  for (const [path, { contentType, body }] of PAGE_FILES) {
    routes.set(path, (response) => answerText(response, 200, contentType, body));
  }
  routes.set("/events", (response, { method }) => {
    if (method === "HEAD") return answerText(response, 200, "text/event-stream", "");
    if (!events.add(response)) refuse(response, { status: 503, error: "too many open pages; close one and retry" });
  });
  if (flightRecord) {
    let downloads = 0;
    routes.set("/flight-record", async (response, { method }) => {
      if (method === "HEAD") return answerText(response, 200, "application/octet-stream", "");
      if (downloads >= MOST_DOWNLOADS)
        return refuse(response, {
          status: 503,
          error: `too many downloads of the flight record (limit ${MOST_DOWNLOADS}); retry later`,
        });
      downloads += 1;
      try {
        await sendDownload(response, flightRecord());
      } finally {
        downloads -= 1;
      }
    });
  }
  return routes;
}
