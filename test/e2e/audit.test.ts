// The audit log of real processes: every request that came is in it once, whatever became of it.
import { mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { createCaller } from "../support/grpc-caller.js";
import { endPrograms, openEmulator, runGateway, until } from "../support/processes.js";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "audit-"));
  path = join(folder, "audit.jsonl");
});
afterEach(async () => {
  await endPrograms();
  rmSync(folder, { recursive: true });
});

type Line = Readonly<Record<string, unknown>>;
const linesOf = (text: string) =>
  text
    .split("\n")
    .filter((line) => line.startsWith('{"time":"2') && line.includes('"rpc"'))
    .map((line) => JSON.parse(line) as Line);
const read = () => linesOf(readFileSync(path, "utf8"));

describe("OTA_AUDIT_LOG", () => {
  it("has one line for each request: answered, failed, refused and validated", async () => {
    const emulator = await openEmulator({ devices: 50 });
    const gateway = await runGateway(emulator.url, { OTA_AUDIT_LOG: path });
    await gateway.opened();
    const caller = createCaller(gateway.grpc, {
      "x-ota-caller": "billing",
      traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    });
    await caller.cancel([seededName(0), seededName(1)], { reason: "bad firmware" }).answer;
    await caller.cancel([seededName(2)], { validateOnly: true }).answer;
    await caller.cancel(["x"], { reason: "short\u0007" }).answer.catch(() => {});
    await caller.cancel(["no-such-device"]).answer.catch(() => {});
    caller.cancel([seededName(3)], {}, 5);
    gateway.kill("SIGTERM");
    expect(await gateway.ended).toBe(0);
    caller.close();
    const lines = read();
    expect(lines.slice(0, 4)).toMatchObject([
      {
        outcome: "ok",
        caller: "billing",
        reason: "bad firmware",
        devices: 2,
        traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
      },
      { outcome: "validated", devices: 1 },
      { outcome: "refused", error: "invalid", reason: "short\u0007" },
      { outcome: "failed", error: "rejected" },
    ]);
    expect(lines[0]?.["upstreamRequestIds"]).toHaveLength(1);
    expect(lines[3]?.["upstreamRequestIds"]).toHaveLength(1);
  });

  it("never stops canceling: a full disk is reported in the log, and the lines follow once there is room", async () => {
    symlinkSync("/dev/full", path);
    const emulator = await openEmulator({ devices: 50 });
    const gateway = await runGateway(emulator.url, { OTA_AUDIT_LOG: path });
    await gateway.opened();
    const caller = createCaller(gateway.grpc);
    await caller.cancel([seededName(0)]).answer;
    await gateway.said(/the audit log cannot be written/);
    await caller.cancel([seededName(1)]).answer;
    renameSync(path, `${path}.full`);
    await gateway.said(/the audit log can be written again/);
    await until(() => read().length === 2);
    renameSync(path, `${path}.1`);
    gateway.kill("SIGHUP");
    await until(() => {
      try {
        return read().length === 0;
      } catch {
        return false;
      }
    });
    await caller.cancel([seededName(2)]).answer;
    caller.close();
    gateway.kill("SIGTERM");
    expect(await gateway.ended).toBe(0);
    expect(read()).toHaveLength(1);
  });

  it("says at the start which setting names a file that cannot be written, and what the system says, without a stack", async () => {
    const gateway = await runGateway("http://127.0.0.1:1", { OTA_AUDIT_LOG: join(folder, "missing", "audit.jsonl") });
    await gateway.said(/the audit log cannot be written/);
    gateway.kill("SIGTERM");
    expect(await gateway.ended).toBe(0);
    const lines = gateway.stderr.trimEnd().split("\n");
    const told = lines.map((line) => JSON.parse(line) as Line).filter(({ level }) => level === "error");
    expect(told).toMatchObject([{ setting: "OTA_AUDIT_LOG", err: { code: "ENOENT" } }]);
    expect(told[0]?.["err"]).toMatchObject({ message: expect.stringContaining(join(folder, "missing")) });
    expect(told[0]?.["err"]).not.toHaveProperty("stack");
  });

  it("goes to standard output for -", async () => {
    const emulator = await openEmulator({ devices: 50 });
    const gateway = await runGateway(emulator.url, { OTA_AUDIT_LOG: "-", OTA_AUDIT_DEVICE_NAMES: "1" });
    await gateway.opened();
    const caller = createCaller(gateway.grpc);
    await caller.cancel([seededName(0)]).answer;
    caller.close();
    gateway.kill("SIGTERM");
    expect(await gateway.ended).toBe(0);
    expect(linesOf(gateway.stdout)).toMatchObject([{ deviceNames: [seededName(0)] }]);
  });
});
