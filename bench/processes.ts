// The processes of a measurement: the upstream and the gateway, each on its own, on loopback.
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Counts } from "./upstream.js";

export interface Upstream {
  readonly url: URL;
  counts(): Promise<Counts>;
  stop(): void;
}

export async function startUpstream(latencyMs: number, jitterMs: number): Promise<Upstream> {
  const child = fork(new URL("upstream.ts", import.meta.url), [String(latencyMs), String(jitterMs)], {
    execArgv: ["--import", "tsx"],
  });
  const [port] = (await once(child, "message")) as [number];
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    counts: async () => {
      child.send("counts");
      const [counts] = (await once(child, "message")) as [Counts];
      return counts;
    },
    stop: () => child.disconnect(),
  };
}

export interface GatewayProcess {
  readonly pid: number;
  /** host:port. */
  readonly grpc: string;
  stop(): Promise<void>;
}

/** Keys that the upstream does not look at. */
export const KEYS = { ALIBABA_CLOUD_ACCESS_KEY_ID: "testid", ALIBABA_CLOUD_ACCESS_KEY_SECRET: "testsecret" };

/** The built program, ready to send, with telemetry off. */
export async function startGateway(upstream: Upstream, variables: NodeJS.ProcessEnv = {}): Promise<GatewayProcess> {
  const settings = {
    OTA_LISTEN: "127.0.0.1:0",
    OTA_ADMIN_LISTEN: "127.0.0.1:0",
    OTA_UPSTREAM_URL: upstream.url.origin,
    OTA_LOG_LEVEL: "warn",
    OTEL_SDK_DISABLED: "true",
  };
  const child = spawn(process.execPath, ["dist/cli.js", "serve"], {
    env: { ...process.env, ...KEYS, ...settings, ...variables },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [, grpc, admin] = await ready(child);
  while ((await fetch(`${admin}/readyz`)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
  return {
    pid: child.pid ?? 0,
    grpc,
    stop: async () => {
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

async function ready(child: ChildProcess): Promise<[string, string, string]> {
  if (!child.stdout) throw new Error("the gateway has no output");
  for await (const line of createInterface(child.stdout)) {
    const found = /ready: grpc (\S+), admin (\S+)$/.exec(line);
    if (found) return found as unknown as [string, string, string];
  }
  throw new Error("the gateway ended before it was ready");
}

/** A grpc-js server that does nothing. */
export async function startBareServer(): Promise<GatewayProcess> {
  const child = fork(new URL("bare-server.ts", import.meta.url), { execArgv: ["--import", "tsx"] });
  const [port] = (await once(child, "message")) as [number];
  return {
    pid: child.pid ?? 0,
    grpc: `127.0.0.1:${port}`,
    stop: async () => {
      child.disconnect();
      await once(child, "exit");
    },
  };
}
