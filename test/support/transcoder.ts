// The proxy of examples/http in front of a gateway: built and started by the commands of its
// README.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readFileSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./free-port.js";
import { until } from "./processes.js";
import { UNPACKED } from "./system.js";

const run = promisify(execFile);
const GENERATED = /\/(gen|gopath|debian|transcoder)$/;

/**
 * How tests build in Go: with the packages that they compiled before, and without what debuggers
 * read, which is a quarter of a build whose packages are compiled.
 */
export const GO_BUILD = { GOCACHE: resolve("node_modules/.cache/go-build"), GOFLAGS: "-ldflags=-w" };

export interface Transcoder {
  /** Such as `127.0.0.1:8080`. */
  readonly address: string;
  close(): Promise<void>;
}

/** `examples` is where copies of examples are built, with `proto` and `node_modules` beside it. */
export async function startTranscoder(examples: string, grpc: string): Promise<Transcoder> {
  const home = join(examples, "http");
  cpSync("examples/http", home, { recursive: true, filter: (path) => !GENERATED.test(path) });
  symlinkSync(join(UNPACKED, "transcoder"), join(home, "debian"));
  const readme = readFileSync(join(home, "README.md"), "utf8");
  const [, build = "", start = ""] = [...readme.matchAll(/```sh\n(.*?)```/gs)].map(([, shell = ""]) => shell);
  const PATH = `${resolve("node_modules/.bin")}:${process.env["PATH"]}`;
  const env = { PATH, HOME: home, ...GO_BUILD };
  await run("sh", ["-ec", build], { cwd: home, env });
  const address = `127.0.0.1:${await freePort()}`;
  const command = start.replace("127.0.0.1:50051", grpc).replace("127.0.0.1:8080", address);
  const program = spawn("sh", ["-ec", `exec env ${command}`], { cwd: home, env, stdio: ["ignore", "ignore", "pipe"] });
  await listening(program, address);
  return {
    address,
    async close() {
      program.kill("SIGKILL");
      await once(program, "close");
    },
  };
}

async function listening(program: ChildProcess, address: string): Promise<void> {
  let errors = "";
  program.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  await until(async () => {
    if (program.exitCode !== null) throw new Error(errors);
    const answer = await fetch(`http://${address}/v1/quota`).catch(() => undefined);
    return answer?.ok ?? false;
  });
}
