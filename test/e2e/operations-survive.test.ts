// A submitted list and the deaths of its gateway: SIGKILL in the middle, three times.
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { Outcome } from "../../src/gen/ota/v1/ota_service.js";
import { createOperationsCaller, metadataOf, responseOf } from "../support/operations-caller.js";
import { endPrograms, type GatewayProgram, KEYS, run, runGateway, until } from "../support/processes.js";

const DEVICES = 30_000;
const KILLS = 3;
/** Calls in flight at a kill: no more than the tokens, and answered within milliseconds here. */
const IN_FLIGHT = 10 * 200;

const folder = mkdtempSync(join(tmpdir(), "ota-gateway-state-"));
afterAll(async () => {
  await endPrograms();
  rmSync(folder, { recursive: true, force: true });
});

describe("an operation", () => {
  it("survives three kills of its gateway: each device has one outcome, and few are sent twice", async () => {
    const sent = new Map<string, number>();
    const emulator = await startEmulator({
      listen: "127.0.0.1:0",
      devices: DEVICES,
      faults: ({ parameters }) => {
        for (const [key, name] of parameters) {
          if (key.startsWith("DeviceName.")) sent.set(name, (sent.get(name) ?? 0) + 1);
        }
        return undefined;
      },
    });
    const path = join(folder, "state");
    let gateway = await runGateway(emulator.url, { OTA_STATE: path });
    const address = gateway.grpc;
    const caller = createOperationsCaller(address);
    const names = Array.from({ length: DEVICES }, (_, n) => seededName(n));
    const spec = { requestId: "rollback-7", reason: "bad firmware" };
    const { name } = await caller.submit(names, spec);
    expect(statSync(path).mode & 0o777).toBe(0o600);

    for (let kill = 1; kill <= KILLS; kill++) {
      const least = (kill * DEVICES) / (KILLS + 1);
      await until(() => sent.size >= least);
      gateway.kill("SIGKILL");
      await gateway.ended;
      gateway = await runGateway(emulator.url, { OTA_STATE: path, OTA_LISTEN: address });
      expect((await caller.get(name)).done).toBe(false);
    }
    const again = await caller.submit([...names].reverse(), spec);
    expect(again.name).toBe(name);
    expect(await secondProcess(emulator.url, path, gateway)).toEqual([
      2,
      expect.stringContaining("in use by another process"),
    ]);

    const operation = await caller.wait(name);
    expect(operation.done).toBe(true);
    expect(responseOf(operation)).toMatchObject({
      success: true,
      devices: BigInt(DEVICES),
      outcomes: [{ outcome: Outcome.ACCEPTED, devices: BigInt(DEVICES) }],
    });
    expect(metadataOf(operation)).toMatchObject({ durable: true, devicesWaiting: 0n, obstacle: "" });
    const results = await caller.allResults(name);
    expect(results.map(({ deviceName }) => deviceName)).toEqual(names);
    expect(sent.size).toBe(DEVICES);
    const twice = [...sent.values()].reduce((sum, times) => sum + times - 1, 0);
    expect(twice).toBeLessThanOrEqual(KILLS * IN_FLIGHT);
    const stats = emulator.stats();
    expect(stats.worstSecond).toBeLessThanOrEqual(10);
    caller.close();
    await emulator.close();
  });

  it("is refused with a clear text where the file is not one of ours", async () => {
    const path = join(folder, "names.txt");
    writeFileSync(path, "one\ntwo\n".repeat(1000));
    const program = run(["serve"], {
      ...KEYS,
      OTA_STATE: path,
      OTA_LISTEN: "127.0.0.1:0",
      OTA_ADMIN_LISTEN: "127.0.0.1:0",
    });
    expect(await program.ended).toBe(2);
    expect(program.stderr).toMatch(/OTA_STATE: .*names\.txt is not a store of ota-gateway/);
  });
});

async function secondProcess(url: string, path: string, first: GatewayProgram): Promise<[number | null, string]> {
  const second = run(["serve"], {
    ...{ ...KEYS, OTA_STATE: path, OTA_UPSTREAM_URL: url },
    ...{ OTA_LISTEN: "127.0.0.1:0", OTA_ADMIN_LISTEN: "127.0.0.1:0" },
  });
  const code = await second.ended;
  expect(first.stderr).not.toContain("away");
  return [code, second.stderr];
}
