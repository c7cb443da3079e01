// Starts the processes of a measurement, each on loopback: the emulator, which counts; the gateway;
// a bare gRPC server; and services that use a peer.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Stats } from "../src/emulator/server.js";
import { MALLOC, runEmulator, runGateway, type Variables } from "../test/support/processes.js";
import type { Task, Told } from "./peers/service.js";

/** A simulated network to the upstream: a call and its answer take 30 ms, plus or minus 30. */
export const NETWORK = ["--latency-ms", "30", "--jitter-ms", "30"] as const;

/** Accepts any device, product and firmware. */
export const TAKES_ALL = [
  ...["--unknown-device", "ignore", "--unknown-product", "ignore", "--unknown-firmware", "ignore"],
] as const;

export interface Upstream {
  readonly url: URL;
  /** The counts since the start. */
  counts(): Promise<Stats>;
  stop(): void;
}

/** Starts the emulator with these flags of its command line. */
export async function startUpstream(...flags: readonly string[]): Promise<Upstream> {
  const emulator = await runEmulator(...flags);
  return { url: new URL(emulator.url), counts: emulator.stats, stop: () => emulator.kill("SIGKILL") };
}

export interface ServerProcess {
  readonly pid: number;
  /** host:port. */
  readonly grpc: string;
  stop(): Promise<void>;
}

/** Starts the built program, ready to send, with telemetry off. */
export async function startGateway({ url }: Upstream, variables: Variables = {}): Promise<ServerProcess> {
  const quiet = { ...MALLOC, OTA_LOG_LEVEL: "warn", OTEL_SDK_DISABLED: "true" };
  const gateway = await runGateway(url.origin, { ...quiet, ...variables });
  await gateway.opened();
  const { pid, grpc } = gateway;
  const stop = async () => {
    gateway.kill("SIGKILL"); // queued work would take minutes
    await gateway.ended;
  };
  return { pid, grpc, stop };
}

/** Starts a grpc-js server that does nothing, or only holds its answers for a time. */
export async function startBareServer(holdMs = 0): Promise<ServerProcess> {
  const child = forkHere("bare-server.ts", String(holdMs));
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

/**
 * Runs services that all are ready before the first begins. Resolves with their callers' answers.
 */
export async function runServices(tasks: readonly Task[]): Promise<Told[]> {
  const children = await Promise.all(
    tasks.map(async (task) => {
      const child = forkHere("peers/service.ts");
      child.send(task);
      await once(child, "message");
      return child;
    }),
  );
  const told = await Promise.all(
    children.map(async (child) => {
      child.send("begin");
      const [message] = (await once(child, "message")) as [Told];
      return message;
    }),
  );
  for (const child of children) child.disconnect();
  return told;
}

function forkHere(script: string, ...words: readonly string[]): ChildProcess {
  return fork(new URL(script, import.meta.url), words, { execArgv: ["--import", "tsx"], stdio: "inherit" });
}
