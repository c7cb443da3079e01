// Builds the C++ server once, and starts it: the physical limit for gRPC servers on this machine.
// It needs a compiler and gRPC from Debian's packages, and is left out without them.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { provide } from "../test/support/debian.js";
import type { ServerProcess } from "./processes.js";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** In the cache beside the installed packages, because it is no part of the project. */
const BUILD = join(ROOT, "node_modules/.cache/bench-cpp");
const run = promisify(execFile);

/** Undefined if it cannot be built. */
export async function startCppServer(): Promise<ServerProcess | undefined> {
  if (!provide("cpp")) return undefined;
  const program = join(BUILD, "bare_server");
  if (!existsSync(program)) await build(program);
  const child = spawn(program, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return {
    pid: child.pid ?? 0,
    grpc: `127.0.0.1:${Number(line)}`,
    stop: async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

async function build(program: string): Promise<void> {
  process.stderr.write("building the C++ server\n");
  mkdirSync(BUILD, { recursive: true });
  // With all that it imports, Google's own types aside, which the library has.
  const protos = readdirSync(join(ROOT, "proto"), { recursive: true, encoding: "utf8" }).filter(
    (name) => name === "ota/v1/ota_service.proto" || /^google\/(api|longrunning|rpc)\/.*\.proto$/.test(name),
  );
  await run("protoc", ["-I", join(ROOT, "proto"), "-I", "/usr/include", `--cpp_out=${BUILD}`, ...protos]);
  const plugin = (await run("which", ["grpc_cpp_plugin"])).stdout.trim();
  const service = [`--grpc_out=${BUILD}`, `--plugin=protoc-gen-grpc=${plugin}`, "ota/v1/ota_service.proto"];
  await run("protoc", ["-I", join(ROOT, "proto"), "-I", "/usr/include", ...service]);
  const flags = (await run("pkg-config", ["--cflags", "--libs", "grpc++", "protobuf"])).stdout.trim().split(/\s+/);
  const sources = readdirSync(BUILD, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".cc"))
    .map((name) => join(BUILD, name));
  const made = ["-O2", "-std=c++17", `-I${BUILD}`, join(ROOT, "bench/cpp/bare_server.cc"), ...sources, "-o", program];
  await run("g++", [...made, ...flags]);
}
