// Starts real servers for tests: Redis or Valkey, with TLS if it is wanted, and Sentinels.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Pair } from "./certificate-authority.js";
import { freePort } from "./free-port.js";
import { programPath } from "./system.js";

export type Product = "redis" | "valkey";

/** A server on loopback, which can be killed and started again on the same port. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  /** Starts it empty, unless it has written its file. */
  start(): Promise<void>;
  /** Sends SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Runs one command of redis-cli. */
  command(...words: string[]): string;
}

export interface RedisOptions {
  readonly product?: Product;
  readonly variables?: NodeJS.ProcessEnv;
  /** Accepts TLS and nothing else, with this certificate of that authority. */
  readonly tls?: { readonly pair: Pair; readonly ca: string };
  /** Lines of a Sentinel's file. The server is then a Sentinel. */
  readonly sentinel?: readonly string[];
}

const running = new Set<RedisServer>();
const folders: string[] = [];
process.once("exit", () => {
  for (const each of folders) rmSync(each, { recursive: true, force: true });
});

/** A running server. `options` are for its command line, `variables` for its environment. */
export async function startRedis(
  options: readonly string[] = [],
  { product = "redis", variables = {}, tls, sentinel }: RedisOptions = {},
): Promise<RedisServer> {
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), "ota-gateway-redis-"));
  folders.push(dir);
  const fileOf = (name: string, content = "") => {
    writeFileSync(join(dir, name), content);
    return join(dir, name);
  };
  const ca = tls && fileOf("ca.pem", tls.ca);
  const fixed = [
    ...(sentinel ? [fileOf("sentinel.conf", `${sentinel.join("\n")}\n`), "--sentinel"] : ["--save", ""]),
    ...["--bind", "127.0.0.1", "--dir", dir],
    ...(tls && ca
      ? [
          ...["--port", "0", "--tls-port", String(port), "--tls-auth-clients", "no", "--tls-ca-cert-file", ca],
          ...["--tls-cert-file", fileOf("cert.pem", tls.pair.cert), "--tls-key-file", fileOf("key.pem", tls.pair.key)],
        ]
      : ["--port", String(port)]),
  ];
  const reach = ["-p", String(port), ...(ca ? ["--tls", "--cacert", ca] : [])];
  let child: ReturnType<typeof spawn>;
  const server: RedisServer = {
    port,
    url: tls ? `rediss://localhost:${port}` : `redis://127.0.0.1:${port}`,
    get pid() {
      return child.pid ?? 0;
    },
    async start() {
      child = spawn(programPath(`${product}-server`) ?? "", [...fixed, ...options], {
        stdio: "ignore",
        env: { ...process.env, ...variables },
      });
      await untilListening(port);
      running.add(server);
    },
    async kill() {
      running.delete(server);
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
    signal: (signal) => void child.kill(signal),
    command: (...command) =>
      execFileSync(programPath(`${product}-cli`) ?? "", [...reach, ...command], { encoding: "utf8" }).trim(),
  };
  await server.start();
  return server;
}

/** Kills every server that a test has left running. */
export async function endRedis(): Promise<void> {
  await Promise.all([...running].map((server) => server.kill()));
}

async function untilListening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const isOpen = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "error").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
