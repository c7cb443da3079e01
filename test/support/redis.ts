// Starts a real Redis or Valkey for tests.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

const running = new Set<RedisServer>();

/** A running server. `options` are for its command line, `variables` for its environment. */
export async function startRedis(
  options: readonly string[] = [],
  { product = "redis", variables = {} }: { product?: Product; variables?: NodeJS.ProcessEnv } = {},
): Promise<RedisServer> {
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
      execFileSync(programPath(`${product}-cli`) ?? "", ["-p", String(port), ...command], { encoding: "utf8" }).trim(),
  };
  process.once("exit", () => rmSync(dir, { recursive: true, force: true }));
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
