// A submitted list and the deaths of its gateway: SIGKILL in the middle, three times. Also a disk
// that is full for a while, and files that are not the store's.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, describe, expect, it } from "vitest";
import { startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { Outcome } from "../../src/gen/ota/v1/ota_service.js";
import { createCaller } from "../support/grpc-caller.js";
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

  it("pauses while the disk is full, and goes on by itself: nothing is lost or sent twice", async () => {
    const sent: string[] = [];
    const devices = 10_000;
    const emulator = await startEmulator({
      listen: "127.0.0.1:0",
      devices: devices + 1,
      faults: ({ parameters }) => {
        for (const [key, name] of parameters) if (key.startsWith("DeviceName.")) sent.push(name);
        return undefined;
      },
    });
    const path = join(folder, "full");
    const gateway = await runGateway(emulator.url, { OTA_STATE: path });
    const caller = createOperationsCaller(gateway.grpc);
    const names = Array.from({ length: devices }, (_, n) => seededName(n));
    const { name } = await caller.submit(names);
    await until(() => sent.length >= devices / 4);
    limitFiles(gateway.pid, String(statSync(`${path}-wal`).size));
    await gateway.said(/the store of operations is away/);
    await expect(caller.submit(names.slice(0, 1))).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining("the store of operations cannot be used"),
    });
    const plain = createCaller(gateway.grpc);
    const { results } = await plain.cancel([seededName(devices)]).answer;
    expect(results).toMatchObject([{ outcome: Outcome.ACCEPTED }]);
    expect((await caller.get(name)).done).toBe(false);
    limitFiles(gateway.pid, "unlimited");
    expect(responseOf(await caller.wait(name))).toMatchObject({ success: true, devices: BigInt(devices) });
    expect((await caller.allResults(name)).map(({ deviceName }) => deviceName)).toEqual(names);
    expect(sent).toHaveLength(devices + 1);
    for (const each of [caller, plain]) each.close();
    gateway.kill("SIGTERM");
    await gateway.ended;
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

/** No file of the process may grow beyond this: like a full disk, and without an administrator's rights. */
function limitFiles(pid: number, bytes: string): void {
  execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:`]);
}

async function secondProcess(url: string, path: string, first: GatewayProgram): Promise<[number | null, string]> {
  const second = run(["serve"], {
    ...{ ...KEYS, OTA_STATE: path, OTA_UPSTREAM_URL: url },
    ...{ OTA_LISTEN: "127.0.0.1:0", OTA_ADMIN_LISTEN: "127.0.0.1:0" },
  });
  const code = await second.ended;
  expect(first.stderr).not.toContain("away");
  return [code, second.stderr];
}
