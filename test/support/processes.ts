// Runs the program as users do: `dist/cli.js` in a process of its own, a gateway with the flags for
// Node of the image and a command without, nothing of our environment except the path, an empty
// home, and ports that nobody else uses.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { EmulatorOptions } from "../../src/emulator/options.js";
import { type Emulator, type Stats, startEmulator } from "../../src/emulator/server.js";
import { freePort } from "./free-port.js";

export type Variables = Readonly<Record<string, string>>;

/** A running program, or one that has ended. */
export interface Program {
  readonly pid: number;
  /** Undefined unless it was asked for. */
  readonly stdin: Writable | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** The exit code; null if a signal ended it. */
  readonly ended: Promise<number | null>;
  /** Resolves once the output matches, on either stream; rejects if the program ends before. */
  said(pattern: RegExp): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
}

export interface EmulatorProgram extends Program {
  readonly url: string;
  stats(): Promise<Stats>;
}

export interface GatewayProgram extends Program {
  /** host:port of the gRPC server. */
  readonly grpc: string;
  /** http://host:port of the admin server. */
  readonly admin: string;
  /** Resolves once the gateway sends, which is later than its accepting requests. */
  opened(): Promise<void>;
}

/** Those of the emulator. No harmless call is made at the start, because tests count calls. */
export const KEYS: Variables = {
  OTA_STARTUP_CHECK: "0",
  ALIBABA_CLOUD_ACCESS_KEY_ID: "testid",
  ALIBABA_CLOUD_ACCESS_KEY_SECRET: "testsecret",
};

export interface Surroundings {
  /** Set if the test writes its standard input; otherwise it has none. */
  readonly stdin?: "pipe";
  /** A command that runs the program, as `nice` does. */
  readonly through?: readonly string[];
}

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));

/** Compiled code for the next start: a sixth of its processor time. A build empties the folder. */
const COMPILED = join(DIST, ".compiled");

const DOCKERFILE = readFileSync(new URL("../../Dockerfile", import.meta.url), "utf8");

/** The flags of Node in the image. */
export const NODE_FLAGS = (JSON.parse(inDockerfile(/^ENTRYPOINT (.*)$/m)) as string[]).slice(1, -1);

/**
 * How the image asks the C library for memory: see docs/adr/0021. For what is measured; a test
 * starts many processes, and each start would take a tenth longer.
 */
export const MALLOC: Variables = { MALLOC_MMAP_THRESHOLD_: inDockerfile(/MALLOC_MMAP_THRESHOLD_=(\d+)/) };

const running = new Set<Program>();
const open = new Set<Emulator>();

/** Runs a script of dist/ with these arguments and variables. */
export function runScript(
  script: string,
  args: readonly string[],
  variables: Variables = {},
  { stdin, through = [] }: Surroundings = {},
): Program {
  const home = mkdtempSync(join(tmpdir(), "ota-gateway-home-"));
  const env = { PATH: process.env["PATH"] ?? "", HOME: home, NODE_COMPILE_CACHE: COMPILED, ...variables };
  const flags = args[0] === "serve" ? NODE_FLAGS : [];
  const [command = "", ...rest] = [...through, process.execPath, ...flags, join(DIST, script), ...args];
  const child = spawn(command, rest, { env, stdio: [stdin ?? "ignore", "pipe", "pipe"] });
  const printed = { stdout: "", stderr: "" };
  const listeners = new Set<() => void>();
  const notify = () => {
    for (const listener of listeners) listener();
  };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.setEncoding("utf8").on("data", (text: string) => {
      printed[stream] += text;
      notify();
    });
  }
  let over = false;
  const ended = once(child, "close").then(([code]) => {
    over = true;
    running.delete(program);
    rmSync(home, { recursive: true, force: true });
    notify();
    return code as number | null;
  });
  const program: Program = {
    pid: child.pid ?? 0,
    stdin: child.stdin ?? undefined,
    get stdout() {
      return printed.stdout;
    },
    get stderr() {
      return printed.stderr;
    },
    ended,
    said: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(printed.stdout) ?? pattern.exec(printed.stderr);
          if (!match && !over) return;
          listeners.delete(look);
          if (match) resolve(match);
          else reject(new Error(`it ended without ${pattern}:\n${printed.stdout}${printed.stderr}`));
        };
        listeners.add(look);
        look();
      }),
    kill: (signal) => void child.kill(signal),
  };
  running.add(program);
  return program;
}

function inDockerfile(pattern: RegExp): string {
  const [, found] = pattern.exec(DOCKERFILE) ?? [];
  if (found === undefined) throw new Error(`the Dockerfile has no ${pattern}`);
  return found;
}

/** Runs `ota-gateway` with these arguments. */
export function run(args: readonly string[], variables: Variables = {}, surroundings: Surroundings = {}): Program {
  return runScript("cli.js", args, variables, surroundings);
}

/** An emulator in this process, which starts at once, and ends with the programs. */
export async function openEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const emulator = await startEmulator({ listen: "127.0.0.1:0", ...options });
  open.add(emulator);
  return emulator;
}

/** Starts an emulator as users do, and waits until it is ready. */
export async function runEmulator(...flags: string[]): Promise<EmulatorProgram> {
  const program = run(["emulate", "--listen", "127.0.0.1:0", ...flags]);
  const [, url = ""] = await program.said(/^emulator ready: (\S+) /m);
  const stats = async () => (await (await fetch(`${url}/__stats`)).json()) as Stats;
  return Object.assign(program, { url, stats });
}

/** Starts a gateway in front of `upstreamUrl`, and waits until it accepts requests. */
export async function runGateway(upstreamUrl: string, variables: Variables = {}): Promise<GatewayProgram> {
  return serving(await startGateway(upstreamUrl, variables));
}

/**
 * A gateway that has loaded its code and starts on command, so that it can follow another at once.
 */
export async function warmGateway(
  upstreamUrl: string,
  variables: Variables,
): Promise<{ start(): Promise<GatewayProgram>; end(): void }> {
  const preload = fileURLToPath(new URL("warm-start.mjs", import.meta.url));
  const program = await startGateway(upstreamUrl, { NODE_OPTIONS: `--import=${preload}`, ...variables });
  await program.said(/^warm$/m);
  return {
    start: () => {
      program.kill("SIGUSR2");
      return serving(program);
    },
    end: () => program.kill("SIGKILL"),
  };
}

async function startGateway(upstreamUrl: string, variables: Variables): Promise<Program> {
  // A port of its own: once it has ended, a test may start another there.
  const ports = { OTA_LISTEN: `127.0.0.1:${await freePort()}`, OTA_ADMIN_LISTEN: "127.0.0.1:0" };
  return run(["serve"], { ...KEYS, ...ports, OTA_UPSTREAM_URL: upstreamUrl, ...variables });
}

async function serving(program: Program): Promise<GatewayProgram> {
  const [, grpc = "", admin = ""] = await program.said(/^ota-gateway ready: grpc (\S+), admin (\S+)$/m);
  return Object.assign(program, { grpc, admin, opened: () => untilReady(admin) });
}

/** Resolves once `/readyz` of the admin server answers 200. */
export async function untilReady(admin: string): Promise<void> {
  await until(async () => (await fetch(`${admin}/readyz`)).ok);
}

const SHORTEST_MS = 10;
const LONGEST_MS = 250;

/**
 * Resolves once the condition holds. It is checked often. One that asks a program returns a
 * promise, and is checked less often after a while, because each check costs processor time here
 * and there.
 */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  let waitMs = SHORTEST_MS;
  for (;;) {
    const answer = holds();
    if (await answer) return;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (typeof answer !== "boolean") waitMs = Math.min(waitMs * 1.1, LONGEST_MS);
  }
}

/** Ends every program that a test has left running, and every emulator. */
export async function endPrograms(): Promise<void> {
  const left = [...running];
  for (const program of left) program.kill("SIGKILL");
  await Promise.all(left.map(({ ended }) => ended));
  const emulators = [...open];
  open.clear();
  await Promise.all(emulators.map((emulator) => emulator.close()));
}
