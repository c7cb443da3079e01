// A real Redis or Valkey for tests, installed from Debian's packages where it is missing and can be.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Product = "redis" | "valkey";

/** A server on loopback, which can be killed and started again on the same port. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  /** With nothing of what it held, unless it was made to write its file. */
  start(): Promise<void>;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Runs one command of redis-cli's. */
  command(...words: string[]): string;
}

const running = new Set<RedisServer>();

/** Whether there is such a server here, or can be. */
export function hasProduct(product: Product): boolean {
  return isThere(`${product}-server`) || install([`${product}-server`]);
}

/** A running server. `options` are as on its command line, `variables` of its environment. */
export async function startRedis(
  options: readonly string[] = [],
  { product = "redis", variables = {} }: { product?: Product; variables?: NodeJS.ProcessEnv } = {},
): Promise<RedisServer> {
  if (!hasProduct(product)) {
    throw new Error(
      `these tests need ${product}-server: apt-get install ${product}-server, or as root it is done for you`,
    );
  }
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), "ota-gateway-redis-"));
  const fixed = ["--port", String(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no"];
  let child: ReturnType<typeof spawn>;
  const server: RedisServer = {
    port,
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return child.pid ?? 0;
    },
    async start() {
      child = spawn(`${product}-server`, [...fixed, ...options], {
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
      execFileSync(`${product}-cli`, ["-p", String(port), ...command], { encoding: "utf8" }).trim(),
  };
  process.once("exit", () => rmSync(dir, { recursive: true, force: true }));
  await server.start();
  return server;
}

/** Kills every server that a test has left running. */
export async function endRedis(): Promise<void> {
  await Promise.all([...running].map((server) => server.kill()));
}

/** Installs packages if that is possible here. */
export function install(packages: readonly string[]): boolean {
  if (process.getuid?.() !== 0 || !isThere("apt-get")) return false;
  const apt = (...words: string[]) =>
    spawnSync("apt-get", ["-qq", ...words], { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } }).status ===
    0;
  const add = () => apt("install", "-y", "--no-install-recommends", ...packages);
  return add() || (apt("update") && add());
}

export function isThere(program: string): boolean {
  return spawnSync("which", [program]).status === 0;
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
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
