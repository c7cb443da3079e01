// A company's network: names that only its proxy can resolve, certificates of its own authority,
// and load balancers that look whether the port is open.
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createPlainServer, type RequestListener } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { bearing, visitorOf } from "../support/all-rpcs.js";
import { createCertificateAuthority } from "../support/certificate-authority.js";
import { type ForwardProxy, startForwardProxy } from "../support/forward-proxy.js";
import { createCaller } from "../support/grpc-caller.js";
import { AUDIENCE, createIssuer, ISSUER, keySetOf } from "../support/issuer.js";
import { endPrograms, openEmulator, run, runGateway, until, type Variables } from "../support/processes.js";

const authority = createCertificateAuthority();
const pair = authority.issue({ dns: ["localhost", "cloud.test", "issuer.test", "collector.test"] });

let folder: string;
let proxy: ForwardProxy;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "networks-"));
  writeFileSync(join(folder, "ca.crt"), authority.cert);
  writeFileSync(join(folder, "tls.crt"), pair.cert);
  writeFileSync(join(folder, "tls.key"), pair.key);
});
afterEach(endPrograms);
afterAll(() => rmSync(folder, { recursive: true }));

/** Of temporary keys. */
const TOKEN = "a-temporary-token";

const file = (name: string) => join(folder, name);

/** Starts an https server. Resolves with its port. */
async function secure(answer: RequestListener): Promise<number> {
  const server = createServer(pair, answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => server.closeAllConnections());
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Puts TLS in front of a plain port. */
async function securely(plain: string): Promise<number> {
  const { port } = new URL(plain);
  const sockets = new Set<Socket>();
  const server = createTlsServer(pair, (near) => {
    const far = connect(Number(port), "127.0.0.1");
    for (const socket of [near, far]) sockets.add(socket.on("error", () => {}));
    near.pipe(far).pipe(near);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

async function withProxy(more: Variables = {}): Promise<Variables> {
  proxy = await startForwardProxy();
  onTestFinished(() => proxy.close());
  return { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url, SSL_CERT_FILE: file("ca.crt"), ...more };
}

describe("a gateway in a network with a proxy and a private authority", () => {
  it("reaches the cloud, the issuer, the collector and a source of keys by them (was: tried to reach all of them directly)", async () => {
    const issuer = await createIssuer();
    const emulator = await openEmulator({ devices: 5, securityToken: TOKEN });
    const cloud = await securely(emulator.url);
    const issuerPort = await secure((_, response) => response.end(keySetOf(issuer)));
    const exported = new Set<string>();
    const collector = await secure((incoming, response) => {
      exported.add(incoming.url ?? "");
      incoming.resume().on("end", () => response.end());
    });
    const keyPort = await plainKeys();
    const gateway = await runGateway(`https://cloud.test:${cloud}`, {
      ...(await withProxy()),
      ALIBABA_CLOUD_ACCESS_KEY_ID: "",
      ALIBABA_CLOUD_ACCESS_KEY_SECRET: "",
      ALIBABA_CLOUD_ECS_METADATA_DISABLED: "true",
      ALIBABA_CLOUD_CREDENTIALS_URI: `http://keys.test:${keyPort}/keys`,
      OTA_JWT_JWKS: `https://issuer.test:${issuerPort}/jwks.json`,
      OTA_JWT_ISSUER: ISSUER,
      OTA_JWT_AUDIENCE: AUDIENCE,
      OTEL_EXPORTER_OTLP_ENDPOINT: `https://collector.test:${collector}`,
      OTEL_BSP_SCHEDULE_DELAY: "50",
      OTEL_METRIC_EXPORT_INTERVAL: "100",
    });
    const caller = createCaller(gateway.grpc, bearing(await issuer.token()));
    onTestFinished(() => caller.close());
    const { results } = await caller.cancel([seededName(0)], {}, 20_000).answer;
    expect(results.map(({ deviceName }) => deviceName)).toEqual([seededName(0)]);
    await until(() => exported.size === 2);
    expect([...exported].sort()).toEqual(["/v1/metrics", "/v1/traces"]);
    expect(new Set(proxy.asked)).toEqual(
      new Set([
        `CONNECT cloud.test:${cloud}`,
        `CONNECT issuer.test:${issuerPort}`,
        `CONNECT collector.test:${collector}`,
        `GET http://keys.test:${keyPort}/keys`,
      ]),
    );
    expect(gateway.stderr).toContain(`"proxy":"127.0.0.1:${proxy.port}"`);
    expect(gateway.stderr).not.toMatch(/p@ss|p%40ss/);
  });

  it("calls directly what NO_PROXY names", async () => {
    const emulator = await openEmulator({ devices: 5 });
    const gateway = await runGateway(emulator.url, await withProxy({ NO_PROXY: "127.0.0.0/8" }));
    const caller = createCaller(gateway.grpc);
    onTestFinished(() => caller.close());
    await caller.cancel([seededName(0)], {}, 20_000).answer;
    expect(proxy.asked).toEqual([]);
  });

  it("sends nothing while the proxy refuses, says so to callers without its password, and goes on when it does not", async () => {
    const emulator = await openEmulator({ devices: 5 });
    const cloud = await securely(emulator.url);
    const network = await withProxy();
    proxy.refusesWith = 502;
    const gateway = await runGateway(`https://cloud.test:${cloud}`, network);
    const caller = createCaller(gateway.grpc);
    onTestFinished(() => caller.close());
    const waiting = caller.cancel([seededName(0)], {}, 60_000).answer;
    await gateway.said(/PROXY_502/);
    expect((await emulator.stats()).arrivals).toBe(0);
    proxy.refusesWith = undefined;
    expect((await waiting).results).toHaveLength(1);
    expect(gateway.stderr).not.toMatch(/p@ss|p%40ss/);
  });

  it("does not start with a proxy that is none", async () => {
    const program = run(["serve"], { HTTPS_PROXY: "socks5://me:s3cr3t@proxy:1080" });
    expect(await program.ended).toBe(2);
    expect(program.stderr).toMatch(/HTTPS_PROXY: expected http:\/\/host:port/);
    expect(program.stderr).not.toContain("s3cr3t");
  });
});

describe("OTEL_EXPORTER_OTLP_CERTIFICATE", () => {
  it("names the authority of the collector, over the system's", async () => {
    const exported = Promise.withResolvers<void>();
    const collector = await secure((incoming, response) => {
      exported.resolve();
      incoming.resume().on("end", () => response.end());
    });
    await runGateway("http://127.0.0.1:9", {
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `https://localhost:${collector}/v1/metrics`,
      OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE: file("ca.crt"),
      OTEL_METRIC_EXPORT_INTERVAL: "100",
    });
    await exported.promise;
  });
});

describe("ota-gateway quota --tls", () => {
  const tls = () => ({ OTA_TLS_CERT: file("tls.crt"), OTA_TLS_KEY: file("tls.key") });
  const quota = (port: string | undefined, variables: Variables) =>
    run(["quota", "--address", `localhost:${port}`, "--tls"], variables);

  it("trusts the authorities of SSL_CERT_FILE (was: only those that Node brings)", async () => {
    const gateway = await runGateway("http://127.0.0.1:9", tls());
    const port = gateway.grpc.split(":").at(-1);
    for (const name of ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"]) {
      const program = quota(port, { [name]: file("ca.crt") });
      expect([await program.ended, program.stderr]).toEqual([0, ""]);
    }
    const without = quota(port, {});
    expect(await without.ended).toBe(1);
    expect(without.stderr).toContain("not signed by a known authority");
  });

  it("says which variable names a file that it cannot use", async () => {
    const program = quota("1", { SSL_CERT_FILE: "/no/such/file" });
    expect(await program.ended).toBe(2);
    expect(program.stderr).toContain("error: SSL_CERT_FILE: /no/such/file cannot be used: ENOENT");
  });

  it("reaches a gateway through the proxy that gRPC reads, and says that a proxy refused", async () => {
    const gateway = await runGateway("http://127.0.0.1:9", { ...tls(), OTA_LISTEN: "127.0.0.1:0" });
    const port = gateway.grpc.split(":").at(-1);
    await withProxy();
    const trust = ["--server-name", "localhost", "--ca", file("ca.crt")];
    const ask = () => run(["quota", "--address", `gateway.test:${port}`, ...trust], { https_proxy: proxy.url });
    const program = ask();
    expect([await program.ended, program.stderr]).toEqual([0, ""]);
    expect(proxy.asked).toEqual([`CONNECT gateway.test:${port}`]);
    proxy.refusesWith = 407;
    const refused = ask();
    expect(await refused.ended).toBe(1);
    expect(refused.stderr).toContain("with status 407");
    expect(refused.stderr).toContain(`error: no connection to gateway.test:${port} through the proxy of grpc_proxy`);
    expect(refused.stderr).not.toMatch(/p@ss|p%40ss/);
  });
});

describe("the gRPC port behind a load balancer", () => {
  it("takes connections that are only opened and closed for what they are, and still reports clients that fail (was: a warning every 5 s)", async () => {
    const gateway = await runGateway("http://127.0.0.1:9", {
      OTA_TLS_CERT: file("tls.crt"),
      OTA_TLS_KEY: file("tls.key"),
    });
    const port = Number(gateway.grpc.split(":").at(-1));
    const open = async (end: (socket: Socket) => void) => {
      const socket = connect(port, "127.0.0.1").on("error", () => {});
      await once(socket, "connect");
      end(socket);
      await once(socket, "close");
    };
    for (let n = 0; n < 10; n++) {
      await open((socket) => socket.resetAndDestroy());
      await open((socket) => socket.destroy());
      await open((socket) => socket.end());
    }
    gateway.kill("SIGTERM");
    await gateway.ended;
    expect(gateway.stderr).not.toContain("were refused");

    const another = await runGateway("http://127.0.0.1:9", {
      OTA_TLS_CERT: file("tls.crt"),
      OTA_TLS_KEY: file("tls.key"),
    });
    const plain = visitorOf(another.grpc, {});
    await plain.quota().catch(() => {});
    plain.close();
    another.kill("SIGTERM");
    await another.ended;
    expect(another.stderr).toContain("were refused");
  });
});

/** A source of keys as ALIBABA_CLOUD_CREDENTIALS_URI names one. */
async function plainKeys(): Promise<number> {
  const Expiration = `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`;
  const keys = {
    Code: "Success",
    AccessKeyId: "testid",
    AccessKeySecret: "testsecret",
    SecurityToken: TOKEN,
    Expiration,
  };
  const server = createPlainServer((_, response) => response.end(JSON.stringify(keys))).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => server.closeAllConnections());
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}
