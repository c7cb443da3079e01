// Which way imports run: a folder of src imports only what stands here, types included. `gateway/command` is one file, and
// `gateway` the files directly in it. The rooms inside a folder that is not listed are a part of it.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, it } from "vitest";

const MAY_IMPORT: Readonly<Record<string, string>> = {
  base: "",
  tracing: "base",
  network: "",
  identity: "base network",
  config: "base gateway/command identity network",
  // the heart, and its seams: each is named where it is implemented or used
  gateway: "base gateway/account gateway/admission gateway/queue gateway/call gateway/existence tracing",
  "gateway/account":
    "base gateway/admission gateway/call-observer gateway/command gateway/dispatcher gateway/limiter gateway/upstream " +
    "gateway/waiter",
  "gateway/admission": "base gateway/queue gateway/command gateway/failures gateway/limiter gateway/waiter",
  "gateway/queue": "base gateway/command gateway/upstream gateway/waiter",
  "gateway/call":
    "base gateway/queue gateway/call-observer gateway/command gateway/device-outcome gateway/failures gateway/limiter " +
    "gateway/upstream gateway/waiter tracing",
  "gateway/existence":
    "base gateway/call gateway/queue gateway/call-observer gateway/command gateway/device-outcome gateway/device-reader " +
    "gateway/failures gateway/limiter gateway/upstream gateway/waiter",
  limiter: "base gateway/command gateway/limiter",
  upstream:
    "base gateway/command gateway/device-reader gateway/upstream network rollout/job-operator " +
    "verification/task-reader",
  verification:
    "base gateway/call gateway/call-observer gateway/command gateway/device-outcome gateway/failures gateway/limiter " +
    "gateway/upstream gateway/verifier gateway/waiter tracing",
  rollout:
    "base gateway/call gateway/call-observer gateway/command gateway/failures gateway/limiter " + "gateway/upstream",
  // work that outlives its caller; its stores know only the seam
  operations: "base gateway rollout",
  // the port in front
  grpc: "base gen grpc/service grpc/rpc grpc/transport grpc/wire",
  "grpc/service":
    "base gateway gateway/account gateway/admission gateway/existence gen grpc/rpc grpc/wire identity observe/audit operations rollout",
  "grpc/rpc": "base gateway/failures grpc/transport grpc/wire identity observe/telemetry/metrics tracing",
  "grpc/transport":
    "base config/tls-files gateway/failures grpc/resource-bounds grpc/wire identity observe/telemetry/metrics",
  "grpc/wire": "gateway/failures gateway/upstream gen",
  // those who watch
  "observe/telemetry": "base network tracing",
  "observe/recorder": "base",
  "observe/admin": "base gateway/account gateway/call-observer gateway/command gateway/limiter",
  "observe/audit": "base gateway/device-outcome gateway/failures gateway/waiter",
  // what puts it together
  serve:
    "base config gateway gateway/account gateway/call gateway/existence gen grpc grpc/service/operations-service grpc/transport/caller " +
    "identity limiter network observe/admin observe/audit observe/recorder observe/telemetry operations rollout upstream " +
    "verification tracing",
  // programs beside the gateway
  client: "base gen",
  emulator: "base upstream/signature",
  cli:
    "base cli/cancel cli/probe cli/prove cli/terminal client config emulator identity network observe/telemetry operations " +
    "serve upstream/credentials upstream/credentials-source",
  "cli/cancel": "base cli/terminal client",
  "cli/probe": "base cli/terminal emulator/open-questions emulator/quota network upstream",
  "cli/prove": "base observe/recorder",
  "cli/terminal": "base",
  "cli.ts": "base cli config/config",
  "healthcheck.ts": "base",
};

/** Packages, and the modules of Node that reach a network: who may import them. */
const MAY_USE: Readonly<Record<string, string>> = {
  "@alicloud/credentials": "upstream",
  "@bufbuild/protobuf": "grpc/service",
  "@grpc/grpc-js": "client grpc grpc/rpc grpc/service grpc/transport grpc/wire",
  "@opentelemetry/api":
    "client gateway gateway/call gateway/existence grpc/rpc observe/telemetry operations rollout tracing upstream verification",
  "@opentelemetry/exporter-metrics-otlp-grpc": "observe/telemetry",
  "@opentelemetry/exporter-metrics-otlp-http": "observe/telemetry",
  "@opentelemetry/exporter-metrics-otlp-proto": "observe/telemetry",
  "@opentelemetry/exporter-prometheus": "observe/telemetry",
  "@opentelemetry/exporter-trace-otlp-grpc": "observe/telemetry",
  "@opentelemetry/exporter-trace-otlp-http": "observe/telemetry",
  "@opentelemetry/exporter-trace-otlp-proto": "observe/telemetry",
  "@opentelemetry/exporter-zipkin": "observe/telemetry",
  "@opentelemetry/sdk-metrics": "observe/telemetry",
  "@opentelemetry/sdk-node": "observe/telemetry",
  "@opentelemetry/sdk-trace-base": "observe/telemetry",
  "@opentelemetry/semantic-conventions": "observe/telemetry tracing upstream",
  bottleneck: "limiter",
  commander: "cli cli.ts emulator",
  "csv-parse": "cli/cancel",
  ioredis: "limiter",
  jose: "identity",
  pg: "operations",
  pino: "serve",
  "pino-pretty": "serve",
  undici: "cli/probe identity network upstream",
  yaml: "config",
  "node:http": "emulator observe/admin upstream",
  "node:http2": "grpc/transport healthcheck.ts",
  "node:net": "cli/cancel emulator grpc/transport network observe/admin",
  "node:tls": "config grpc/transport network",
};

const IMPORT = /^(?:import|export) (?:[^"';]*? from )?"([^"]+)"|\bimport\("([^"]+)"\)/gm;
const files = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.startsWith("gen/"))
  .map((file) => `src/${file}`);

/** The listed folder that a path of src belongs to. */
function folderOf(path: string): string {
  for (let at = path.includes("/") ? dirname(path) : path; at !== "."; at = dirname(at))
    if (at in MAY_IMPORT) return at;
  return path.startsWith("gen/") ? "gen" : path;
}

it("every import in src is one that its folder may have", () => {
  const faults = files.flatMap((file) => {
    const from = folderOf(file.slice("src/".length));
    const found = [...readFileSync(file, "utf8").matchAll(IMPORT)].map(([, plain, dynamic]) => plain ?? dynamic ?? "");
    return found.flatMap((name) => {
      if (!name.startsWith(".")) {
        const [scope = "", inner] = name.split("/");
        const users = MAY_USE[scope.startsWith("@") ? `${scope}/${inner}` : scope];
        const isFree = name.startsWith("node:") && users === undefined;
        return isFree || users?.split(" ").includes(from) ? [] : [`${file}: ${from} may not import ${name}`];
      }
      const path = normalize(join(dirname(file), name))
        .slice("src/".length)
        .replace(/\.js$/, "");
      const to = folderOf(`${path}.ts`);
      const allowed = MAY_IMPORT[from]?.split(" ") ?? [];
      return to === from || allowed.includes(to) || allowed.includes(path)
        ? []
        : [`${file}: ${from} may not import ${path}`];
    });
  });
  expect(faults).toEqual([]);
});

it("no folder and no package is listed that is not there", () => {
  const listed = Object.values(MAY_IMPORT).flatMap((targets) => targets.split(" ").filter(Boolean));
  const there = new Set(files.flatMap((file) => [file.slice(4, -3), folderOf(file.slice(4)), file.slice(4)]));
  expect([...Object.keys(MAY_IMPORT), ...listed].filter((each) => each !== "gen" && !there.has(each))).toEqual([]);
  const { dependencies } = JSON.parse(readFileSync("package.json", "utf8"));
  expect(Object.keys(MAY_USE).filter((name) => !name.startsWith("node:"))).toEqual(Object.keys(dependencies).sort());
});
