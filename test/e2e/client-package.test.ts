// The client as another project gets it: from a package, through its exports, with types, against a gateway.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { endPrograms, runEmulator, runGateway } from "../support/processes.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Uses what the README shows, and what types are for: a wrong priority does not compile. */
const CONSUMER = `
import { connect, OtaError, type DeviceResult, type Outcome } from "ota-gateway/client";

const client = connect(process.argv[2] as string, { caller: "billing" });
const scope = { productKey: "a1EmulatorPk", firmwareId: "EmulatedFirmware0000030100" } as const;
const outcomes: Partial<Record<Outcome, number>> = {};
async function* names(): AsyncGenerator<string> {
  yield* ["device-0000000", "device-0000001", "no-such-device"];
}
for await (const result of client.cancelAll(names(), { ...scope, priority: "urgent" }, { signal: AbortSignal.timeout(20_000) })) {
  const { outcome }: DeviceResult = result;
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
}
// @ts-expect-error priorities are a closed list
const wrong: Parameters<typeof client.cancelAll>[1] = { ...scope, priority: "now" };
void wrong;
try {
  await client.cancelTasksByDevice({ ...scope, deviceNames: ["x"] });
} catch (error) {
  if (!(error instanceof OtaError)) throw error;
  console.log(JSON.stringify({ outcomes, reason: error.reason, code: error.code, violations: error.violations }));
}
client.close();
`;

const folder = mkdtempSync(join(tmpdir(), "ota-gateway-consumer-"));
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await endPrograms();
});

describe("the package", () => {
  it("gives a TypeScript project a typed client", async () => {
    const modules = join(folder, "node_modules");
    mkdirSync(modules);
    for (const name of readdirSync(join(ROOT, "node_modules")).filter((each) => !each.startsWith("."))) {
      symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
    }
    unpackInto(join(modules, "ota-gateway"));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", private: true }));
    writeFileSync(join(folder, "consumer.ts"), CONSUMER);
    writeFileSync(join(folder, "readme.ts"), readmeExample().replace('"127.0.0.1:50051"', "process.argv[2] as string"));
    const flags = ["--strict", "--module", "nodenext", "--target", "es2023", "--types", "node", "--pretty", "false"];
    execFileSync(
      process.execPath,
      [join(ROOT, "node_modules/typescript/bin/tsc"), ...flags, "consumer.ts", "readme.ts"],
      {
        cwd: folder,
      },
    );

    const emulator = await runEmulator("--devices", "6");
    const { grpc } = await runGateway(emulator.url);
    const printed = execFileSync(process.execPath, ["consumer.js", grpc], { cwd: folder, encoding: "utf8" });
    expect(JSON.parse(printed)).toEqual({
      outcomes: { ACCEPTED: 2, REJECTED: 1 },
      reason: "INVALID_REQUEST",
      code: "INVALID_ARGUMENT",
      violations: [{ field: "device_names[0]", description: "must be 4-32 of A-Za-z0-9-_@.:, has 1" }],
    });
    const shown = execFileSync(process.execPath, ["readme.js", grpc], { cwd: folder, encoding: "utf8" });
    expect(shown).toContain("typo-1 REJECTED iot.device.NotExistedDevice\n");
    expect(shown.split("\n").filter((line) => line.includes("ACCEPTED"))).toHaveLength(1);
  });
});

/** The lines of TypeScript that the README shows. */
function readmeExample(): string {
  const [, example = ""] = /```ts\n(.*?)```/s.exec(readFileSync(join(ROOT, "README.md"), "utf8")) ?? [];
  return example;
}

/** Packed as it would be published. */
function unpackInto(target: string): void {
  const options = { cwd: folder, encoding: "utf8" } as const;
  const args = ["pack", ROOT, "--ignore-scripts", "--json", "--pack-destination", folder];
  const [packed] = JSON.parse(execFileSync("npm", args, options)) as [{ filename: string }];
  mkdirSync(target);
  execFileSync("tar", ["-xzf", packed.filename, "-C", target, "--strip-components=1"], options);
}
