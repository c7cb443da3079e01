// Operations by hand: `cancel --detach`, `operations …`, and the Node client.
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Client, connect, type OperationStatus } from "../../src/client/client.js";
import { DEFAULTS } from "../../src/emulator/options.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { createOperationsCaller } from "../support/operations-caller.js";
import {
  type EmulatorProgram,
  endPrograms,
  type GatewayProgram,
  run,
  runEmulator,
  runGateway,
  until,
} from "../support/processes.js";

const folder = mkdtempSync(join(tmpdir(), "ota-gateway-hands-"));
const state = join(folder, "state");
const { productKey, firmwareId } = DEFAULTS;
let emulator: EmulatorProgram;
let gateway: GatewayProgram;
let client: Client;
let nextDevice = 0;
const devices = (count: number) => Array.from({ length: count }, () => seededName(nextDevice++));

beforeAll(async () => {
  emulator = await runEmulator("--devices", "80000");
  gateway = await runGateway(emulator.url, { OTA_STATE: state });
  await gateway.opened();
  client = connect(gateway.grpc, { caller: "hands" });
});
afterAll(async () => {
  client.close();
  await endPrograms();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the command; its exit code and what it printed. */
async function command(...words: string[]) {
  const program = run([...words, "--address", gateway.grpc, "--caller", "hands"]);
  return { code: await program.ended, stdout: program.stdout, stderr: program.stderr };
}

function listOf(names: readonly string[]): string {
  const file = join(folder, `list-${nextDevice}.txt`);
  writeFileSync(file, `${names.join("\n")}\n`);
  return file;
}

const scopeFlags = ["--product-key", productKey, "--firmware-id", firmwareId];

describe("ota-gateway operations", () => {
  it("submits a list, waits for it, and writes what became of each device", async () => {
    const names = devices(700);
    const detach = ["cancel", ...scopeFlags, "--devices-file", listOf(names), "--detach", "--request-id", "key-1"];
    const submitted = await command(...detach, "--reason", "bad", "--time-to-live", "30m");
    expect(submitted.code).toBe(0);
    const name = submitted.stdout.trim();
    expect(name).toMatch(/^operations\/\w{26}$/);
    expect((await command(...detach, "--reason", "bad", "--time-to-live", "30m")).stdout.trim()).toBe(name);

    const waited = await command("operations", "wait", name, "--json");
    expect(waited.code).toBe(0);
    const status = JSON.parse(waited.stdout) as OperationStatus;
    expect(status).toMatchObject({ name, done: true, state: "DONE", success: true, devices: 700, durable: true });
    expect(status.outcomes).toEqual({ ACCEPTED: 700 });

    const output = join(folder, "results.csv");
    expect((await command("operations", "results", name, "--output", output)).code).toBe(0);
    const lines = readFileSync(output, "utf8").trim().split("\n");
    expect(lines).toHaveLength(701);
    expect(lines[1]).toContain(`${names[0]},ACCEPTED`);
    expect((await command("operations", "results", name, "--failed")).stdout).toBe("");
    const surroundings = { through: ["bash", "-c", 'set -o pipefail; "$@" | head -n 1', "-"] };
    const words = ["operations", "results", name, "--address", gateway.grpc, "--caller", "hands"];
    const left = run(words, {}, surroundings);
    expect([await left.ended, left.stderr]).toEqual([0, ""]); // was: an error, EPIPE
    expect(left.stdout).toContain(`{"device_name":"${names[0]}","outcome":"ACCEPTED"`);

    expect((await command("operations", "list")).stdout).toContain(name);
    const shown = await command("operations", "show", name);
    expect(shown.stdout).toMatch(/state +done/);
    expect(shown.stdout).toMatch(/700 {2}ACCEPTED/);
    const deleted = await command("operations", "delete", name, "--json");
    expect([deleted.code, JSON.parse(deleted.stdout)]).toEqual([0, { name, deleted: true }]);
    expect(await command("operations", "show", name)).toMatchObject({ code: 1, stderr: /OPERATION|no such operation/ });
  });

  it("stops an operation, which then did not end well", async () => {
    const { stdout } = await command("cancel", ...scopeFlags, "--devices-file", listOf(devices(20_000)), "--detach");
    const name = stdout.trim();
    expect((await command("operations", "list", "--running")).stdout).toContain(name);
    const stopped = await command("operations", "stop", name, "--json");
    expect([stopped.code, JSON.parse(stopped.stdout)]).toEqual([0, expect.objectContaining({ name })]);
    const waited = await command("operations", "wait", name);
    expect(waited.code).toBe(1);
    expect(waited.stdout).toMatch(/state +stopped/);
    expect(waited.stdout).toMatch(/STOPPED/);
  });

  it("stores nothing of a list with a line that is no device name", async () => {
    const file = listOf([...devices(3), "not a name"]);
    const detached = await command("cancel", ...scopeFlags, "--devices-file", file, "--detach");
    expect(detached).toMatchObject({ code: 2, stdout: "" });
    expect(detached.stderr).toMatch(/line 4 .*nothing was stored/);
    expect((await command("cancel", ...scopeFlags, "device-0000001", "--request-id", "x")).code).toBe(2);
  });
});

describe("a client's operations", () => {
  it("are submitted from any source of names, waited for, and read", async () => {
    const names = devices(12_500);
    async function* source() {
      yield* names;
    }
    const operation = await client.submit(source(), {
      productKey,
      firmwareId,
      requestId: "key-2",
      timeToLiveMs: 600_000,
    });
    const seen: OperationStatus[] = [];
    const status = await client.operation(operation.name).wait({ onProgress: (each) => void seen.push(each) });
    expect(status).toMatchObject({
      success: true,
      devices: 12_500,
      devicesWaiting: 0,
      scope: { productKey, firmwareId },
    });
    expect(seen.at(-1)).toEqual(status);
    const results = [];
    for await (const result of operation.results()) results.push(result);
    expect(results.map(({ deviceName }) => deviceName)).toEqual(names);
    expect(results.every(({ ok }) => ok)).toBe(true);
    const listed = [];
    for await (const each of client.operations({ done: true })) listed.push(each.name);
    expect(listed).toContain(operation.name);
  });

  it("store nothing if the names cannot be read to their end, or the gateway refuses them", async () => {
    async function* broken() {
      yield* devices(11_000);
      throw new Error("the file ended early");
    }
    await expect(client.submit(broken(), { productKey, firmwareId })).rejects.toThrow("the file ended early");
    await expect(client.submit(["x"], { productKey, firmwareId })).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
    const early = new AbortController();
    const submitted = client.submit(devices(1), { productKey, firmwareId }, { signal: early.signal });
    early.abort(new Error("not now"));
    await expect(submitted).rejects.toThrow("not now");
    await expect(client.operation("operations/01J00000000000000000000000").wait()).rejects.toMatchObject({
      reason: "OPERATION_NOT_FOUND",
    });
  });
});

describe("a restored store", () => {
  it("holds its operations until they are resumed, and a client waits over the drain between", async () => {
    const operation = await client.submit(devices(10_000), { productKey, firmwareId });
    gateway.kill("SIGKILL");
    await gateway.ended;
    cpSync(state, join(folder, "backup"));
    cpSync(`${state}-wal`, join(folder, "backup-wal"));
    renameSync(join(folder, "backup"), state);
    renameSync(join(folder, "backup-wal"), `${state}-wal`);
    const restart = () => runGateway(emulator.url, { OTA_STATE: state, OTA_LISTEN: gateway.grpc });
    const held = await restart();
    await held.opened();
    // The client may still be waiting before it connects again.
    await until(() =>
      client
        .operation(operation.name)
        .get()
        .then(Boolean, () => false),
    );
    const status = await client.operation(operation.name).get();
    expect(status).toMatchObject({ done: false, obstacle: expect.stringContaining("restored copy") });
    const waiting = client.operation(operation.name).wait();
    const raw = createOperationsCaller(gateway.grpc, { "x-ota-caller": "hands" });
    const asked = raw.wait(operation.name);
    await Promise.all([client.operation(operation.name).get(), raw.get(operation.name)]);
    held.kill("SIGTERM");
    expect(await asked).toMatchObject({ name: operation.name, done: false }); // at once, as it is now
    raw.close();
    await held.ended;
    const resumed = run(["operations", "resume"], { OTA_STATE: state });
    expect([await resumed.ended, resumed.stdout]).toEqual([0, "1 operation goes on when a gateway runs\n"]);
    await restart();
    expect(await waiting).toMatchObject({ success: true });
  });
});
