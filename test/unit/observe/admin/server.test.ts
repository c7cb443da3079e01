import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type AdminOptions, type AdminServer, startAdminServer } from "../../../../src/observe/admin/server.js";
import type { Readiness, Snapshot } from "../../../../src/observe/admin/snapshot.js";
import { FakeLog } from "../../../support/fake-log.js";
import { HandClock, settle } from "../../../support/hand-clock.js";

const NOTHING: Snapshot = {
  wallMs: 0,
  readiness: "ok",
  about: { instance: "here", version: "1.2.3", startedWallMs: 0 },
  accounts: [],
};

const servers: AdminServer[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));

async function start(options: Partial<AdminOptions> = {}) {
  const clock = new HandClock();
  const log = new FakeLog();
  let taken = 0;
  const snapshot = () => {
    taken += 1;
    return NOTHING;
  };
  const defaults = { host: "127.0.0.1", port: 0, clock, log, readiness: () => "ok" as const, snapshot };
  const server = await startAdminServer({ ...defaults, ...options });
  servers.push(server);
  const url = `http://127.0.0.1:${server.port}`;
  /** Reads whatever comes next on /events. */
  const look = async () => {
    const response = await open(`${url}/events`);
    const frames: string[] = [];
    response.setEncoding("utf8").on("data", (text: string) => frames.push(...text.split("\n\n").filter(Boolean)));
    response.on("error", () => {}); // a server that closes
    return { response, frames };
  };
  return { server, url, clock, log, look, taken: () => taken };
}

/** The path goes out as it is given, unlike with fetch. */
function open(url: string, headers: Record<string, string> = {}, method = "GET"): Promise<IncomingMessage> {
  const { hostname, port, origin } = new URL(url);
  const path = url.slice(origin.length) || "/";
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, headers, method, agent: false }, resolve).on("error", reject).end();
  });
}

async function get(url: string, headers: Record<string, string> = {}, method = "GET") {
  const response = await open(url, headers, method);
  let body = "";
  for await (const chunk of response.setEncoding("utf8")) body += chunk;
  return { status: response.statusCode, headers: response.headers, body };
}

/** Lets sockets do what they can do now. */
async function untilTrue(holds: () => boolean): Promise<void> {
  while (!holds()) await settle();
}

describe("startAdminServer", () => {
  it.each<[Readiness, number]>([
    ["ok", 200],
    ["degraded", 200],
    ["unproven", 503],
    ["opening", 503],
    ["away", 503],
    ["draining", 503],
  ])("is ready or not: %s, %i", async (readiness, status) => {
    const { url } = await start({ readiness: () => readiness });
    expect(await get(`${url}/readyz`)).toMatchObject({ status, body: `{"status":"${readiness}"}\n` });
    expect((await get(`${url}/livez`)).status).toBe(200);
  });

  it("tells the state of each account, and what is in the way", async () => {
    const accounts = { main: { state: "canceling" }, lab: { state: "ledger-away", obstacle: "it is gone" } };
    const { url } = await start({ readiness: () => "degraded", conditions: () => accounts });
    const { body } = await get(`${url}/readyz`);
    expect(JSON.parse(body)).toEqual({ status: "degraded", accounts });
  });

  it("serves the runbook that alerts link to, with an anchor at each heading", async () => {
    const { url } = await start();
    const { status, headers, body } = await get(`${url}/runbook/metrics.md`);
    expect([status, headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    expect(body).toContain('<b id="nothing-is-accepted">## Nothing is accepted</b>');
    expect(body).toContain('<a href="operations.md#redis-is-slow">');
    const operations = (await get(`${url}/runbook/operations.md`)).body;
    expect(operations).toContain('<b id="the-state-of-an-account">');
    // A page that is not served is no link.
    expect(operations).toContain('<a href="rollouts.md#stop-it">rollouts.md</a>');
    expect(operations).toContain("[networks.md](networks.md)");
    expect((await get(`${url}/runbook/rollouts.md`)).body).toContain('<b id="stop-it">');
  });

  it("passes metrics on, and says 500 and no more if they fail", async () => {
    let fails = false;
    const metrics = async () => {
      if (fails) throw new Error("secret cause");
      return { contentType: "text/plain; version=0.0.4", body: "up 1\n" };
    };
    const { url, log } = await start({ metrics });
    const { headers, body } = await get(`${url}/metrics`);
    expect([headers["content-type"], body]).toEqual(["text/plain; version=0.0.4", "up 1\n"]);
    fails = true;
    const failed = await get(`${url}/metrics`);
    expect(failed.status).toBe(500);
    expect(failed.body).not.toContain("secret cause");
    expect(log.lines).toMatchObject([{ level: "error", fields: { path: "/metrics" } }]);
  });

  it("serves the page and all that it loads, with headers that hold a browser to it", async () => {
    const { url } = await start();
    const page = await get(url);
    expect(page.headers).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
    });
    const policy = page.headers["content-security-policy"];
    for (const rule of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'none'"]) {
      expect(policy).toContain(rule);
    }
    expect(policy).not.toContain("unsafe");
    const linked = [...page.body.matchAll(/(?:href|src)="(\/page\/[^"]+)"/g)].map(([, path]) => path as string);
    const main = await get(`${url}/page/main.js`);
    const imported = [...main.body.matchAll(/from "\.\/([^"]+)"/g)].map(([, name]) => `/page/${name}`);
    expect(linked.length + imported.length).toBeGreaterThan(8);
    for (const path of [...linked, ...imported])
      expect([path, (await get(`${url}${path}`)).status]).toEqual([path, 200]);
  });

  it("has all inline code and style refused, and needs none", async () => {
    const { url } = await start();
    const { body } = await get(url);
    expect(body).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=|javascript:|https?:\/\//);
  });

  it("knows no other paths and says which there are, whatever the query", async () => {
    const { url } = await start();
    for (const path of ["/livez/", "/../../etc/passwd", "/page/", "/page/../server.js", "/%2e%2e/", "//", "/metrics"]) {
      const { status, body } = await get(`${url}${path}`);
      expect([path, status]).toEqual([path, 404]);
      expect(body).toContain("/livez /readyz / /events");
    }
    expect((await get(`${url}/livez?verbose`)).status).toBe(200);
  });

  it("takes GET and HEAD and says so to others", async () => {
    const { url } = await start();
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"]) {
      const { status, headers } = await get(`${url}/livez`, {}, method);
      expect([method, status, headers.allow]).toEqual([method, 405, "GET, HEAD"]);
    }
    for (const path of ["/", "/livez", "/readyz", "/events"]) {
      const { status, body } = await get(`${url}${path}`, {}, "HEAD");
      expect([path, status, body]).toEqual([path, 200, ""]);
    }
  });

  it("opens probes and metrics to all, and page, events and flight record only with the token", async () => {
    const metrics = async () => ({ contentType: "text/plain", body: "" });
    const flightRecord = () => ({ fileName: "x", contentType: "text/plain", chunks: [] });
    const { url } = await start({ token: "token", metrics, flightRecord });
    const host = { host: "gateway.example" };
    const statusOf = async (path: string, headers = {}) => {
      const response = await open(`${url}${path}`, { ...host, ...headers });
      response.destroy();
      return response.statusCode;
    };
    for (const path of ["/livez", "/readyz", "/metrics"]) {
      expect([path, await statusOf(path, { host: "localhost" })]).toEqual([path, 200]);
      expect([path, await statusOf(path)]).toEqual([path, 401]); // on loopback, a name that is not this machine's
    }
    for (const path of ["/", "/page/main.js", "/events", "/flight-record"]) {
      expect([path, await statusOf(path)]).toEqual([path, 401]);
      expect([path, await statusOf(path, { authorization: "Bearer token" })]).toEqual([path, 200]);
    }
  });

  it("shows nothing to a website whose name leads here", async () => {
    const { url } = await start();
    expect((await get(url, { host: "attacker.example" })).status).toBe(403);
    expect((await get(`${url}/events`, { host: "attacker.example" })).status).toBe(403);
    for (const path of ["/livez", "/readyz", "/metrics", "/nowhere"]) {
      expect((await get(`${url}${path}`, { host: "attacker.example" })).status).toBe(403);
    }
  });

  it("answers probes by any name where other machines can reach it", async () => {
    const { url } = await start({ host: "0.0.0.0" });
    expect((await get(`${url}/readyz`, { host: "10.2.3.4:9464" })).status).toBe(200);
  });

  it("answers probes while 256 connections say nothing (was: the kubelet was turned away, and restarted the pod)", async () => {
    const { server, url } = await start();
    const silent = Array.from({ length: 256 }, () => {
      const socket = connect(server.port, "127.0.0.1");
      socket.on("error", () => {}).resume();
      socket.write("GET /livez HTTP");
      return socket;
    });
    await Promise.all(silent.map((socket) => once(socket, "connect")));
    for (let n = 0; n < 20; n++) expect((await get(`${url}/livez`)).status).toBe(200);
    for (const socket of silent) socket.destroy();
  });

  it("ends no connection that is being answered for the sake of new ones", async () => {
    const { server, look } = await start();
    const { response } = await look();
    let hasEnded = false;
    response.once("close", () => {
      hasEnded = true;
    });
    const many = Array.from({ length: 200 }, () => connect(server.port, "127.0.0.1").on("error", () => {}));
    await Promise.all(many.map((socket) => once(socket, "connect")));
    expect(hasEnded).toBe(false);
    for (const socket of many) socket.destroy();
  });

  it("ends a connection that does not read its answer (was: 256 of them locked out the probes for ever)", async () => {
    const body = "x".repeat(20_000_000); // more than the buffers of any connection hold
    const { server, clock, url } = await start({ metrics: async () => ({ contentType: "text/plain", body }) });
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => {}).write("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(socket, "readable");
    await clock.advance(30_000);
    await once(socket.resume(), "close");
    expect(socket.bytesRead).toBeLessThan(body.length);
    await get(`${url}/livez`);
    await untilTrue(() => clock.armed === 0);
  });

  it("answers one request at a time on a connection, and ends it for more (was: one packet had metrics collected 2,000 times)", async () => {
    let collected = 0;
    const metrics = async () => {
      collected += 1;
      return { contentType: "text/plain", body: "up 1\n" };
    };
    const { server } = await start({ metrics });
    const ask = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const patient = connect(server.port, "127.0.0.1").setEncoding("utf8");
    for (let n = 0; n < 3; n++) {
      patient.write(ask);
      expect(await once(patient, "data")).toEqual([expect.stringContaining("200 OK")]);
    }
    const hasty = connect(server.port, "127.0.0.1");
    hasty.on("error", () => {}).resume();
    hasty.write(ask.repeat(1000));
    await new Promise((resolve) => hasty.once("close", resolve));
    expect(collected).toBe(4);
    patient.write(ask);
    expect(await once(patient, "data")).toEqual([expect.stringContaining("200 OK")]);
    patient.destroy();
  });

  it("throws if the port is taken", async () => {
    const { server } = await start();
    await expect(start({ port: server.port })).rejects.toThrow("EADDRINUSE");
  });

  it("gives up a connection that never finishes its request", async () => {
    const { server } = await start();
    const socket = connect(server.port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n");
    let said = "";
    socket.setEncoding("utf8").on("data", (text) => {
      said += text;
    });
    await once(socket, "close");
    expect(said).toContain("408");
  });
});

describe("/events", () => {
  it("sends a snapshot at once and then every 250 ms, the same to all", async () => {
    const { clock, look, taken } = await start();
    const [a, b] = [await look(), await look()];
    await untilTrue(() => a.frames.length === 2 && b.frames.length === 2);
    expect(a.frames).toEqual(["retry: 1000", `data: ${JSON.stringify(NOTHING)}`]);
    const before = taken();
    await clock.advance(1000);
    await untilTrue(() => a.frames.length === 6 && b.frames.length === 6);
    expect(taken()).toBe(before + 4);
  });

  it("does nothing while nobody looks", async () => {
    const { clock, look, taken } = await start();
    await clock.advance(5000);
    expect([taken(), clock.armed]).toEqual([0, 0]);
    const { response } = await look();
    expect(clock.armed).toBe(1);
    response.destroy();
    await untilTrue(() => clock.armed === 0);
    await clock.advance(5000);
    expect(taken()).toBe(1);
  });

  it("lets 32 look at a time, and another as soon as one has left", async () => {
    const { url, look, clock } = await start();
    const looking = await Promise.all(Array.from({ length: 32 }, look));
    expect(looking.every(({ response }) => response.statusCode === 200)).toBe(true);
    expect(await get(`${url}/events`)).toMatchObject({ status: 503 });
    looking[0]?.response.destroy();
    let status: number | undefined = 503;
    while (status === 503) ({ statusCode: status } = (await look()).response);
    expect(status).toBe(200);
    expect(clock.armed).toBe(1);
  });

  it("skips frames for a client that does not read, and then closes the connection", async () => {
    const big = { ...NOTHING, padding: "x".repeat(4_000_000) } as Snapshot;
    let taken = 0;
    const snapshot = () => {
      taken += 1;
      return big;
    };
    const { server, clock } = await start({ snapshot });
    const socket = connect(server.port, "127.0.0.1");
    socket.write("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await untilTrue(() => taken === 1);
    await clock.advance(11_000);
    expect(clock.armed).toBe(0);
    let bytes = 0;
    socket.on("data", (chunk) => {
      bytes += chunk.length;
    });
    await once(socket, "close");
    expect(taken).toBeGreaterThan(40);
    expect(bytes).toBeLessThan(3 * 4_000_000);
  });

  it("goes on when a snapshot fails, and says it once in the log", async () => {
    let fails = true;
    const snapshot = () => {
      if (fails) throw new Error("a bug");
      return NOTHING;
    };
    const { clock, look, log } = await start({ snapshot });
    const { frames } = await look();
    await clock.advance(1000);
    fails = false;
    await clock.advance(250);
    await untilTrue(() => frames.some((frame) => frame.startsWith("data:")));
    expect(log.lines).toHaveLength(1);
  });

  it("ends when the server closes", async () => {
    const { server, look, clock } = await start();
    const { response } = await look();
    const closed = once(response, "close");
    await server.close();
    await closed;
    expect(clock.armed).toBe(0);
    servers.length = 0;
  });
});

describe("/flight-record", () => {
  const file = { fileName: 'a "name"\r\n.jsonl', contentType: "application/x-ndjson" };

  it("is sent whole, under a name that is safe in a header", async () => {
    const chunks = Array.from({ length: 50_000 }, (_, n) => `{"n":${n}}\n`);
    const { url } = await start({ flightRecord: () => ({ ...file, chunks }) });
    const { status, headers, body } = await get(`${url}/flight-record`);
    expect([status, headers["content-disposition"]]).toEqual([200, 'attachment; filename="a__name___.jsonl"']);
    expect(body).toBe(chunks.join(""));
  });

  it("is made no faster than the client reads, and not at all once it has left", async () => {
    let made = 0;
    let ended = false;
    async function* chunks() {
      try {
        for (;;) {
          made += 1;
          yield "x".repeat(65_536);
        }
      } finally {
        ended = true;
      }
    }
    const { url, log } = await start({ flightRecord: () => ({ ...file, chunks: chunks() }) });
    const response = await open(`${url}/flight-record`);
    for (let before = -1; made > before; ) {
      before = made;
      for (let n = 0; n < 200; n++) await settle();
    }
    expect(made).toBeLessThan(400);
    response.destroy();
    await untilTrue(() => ended);
    expect(log.lines).toEqual([]);
  });

  it("breaks off if making it fails, and the gateway goes on", async () => {
    async function* chunks() {
      yield "x".repeat(20_000);
      throw new Error("a bug");
    }
    const { url, log } = await start({ flightRecord: () => ({ ...file, chunks: chunks() }) });
    await expect(get(`${url}/flight-record`)).rejects.toThrow("aborted");
    expect(log.lines).toMatchObject([{ level: "error", fields: { path: "/flight-record" } }]);
    expect((await get(`${url}/livez`)).status).toBe(200);
  });

  it("leaves its place to the next if it cannot even be begun (was: after two, 503 for ever)", async () => {
    const flightRecord = () => {
      throw new Error("no memory");
    };
    const { url } = await start({ flightRecord });
    for (let n = 0; n < 3; n++) expect((await get(`${url}/flight-record`)).status).toBe(500);
  });

  it("is made for two at a time", async () => {
    const { url } = await start({
      flightRecord: () => ({ ...file, chunks: endless() }),
    });
    async function* endless() {
      for (;;) yield "x".repeat(65_536);
    }
    const two = [await open(`${url}/flight-record`), await open(`${url}/flight-record`)];
    expect(await get(`${url}/flight-record`)).toMatchObject({ status: 503 });
    for (const response of two) response.destroy();
  });
});
