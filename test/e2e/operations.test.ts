// The rpcs about operations, on a gateway that keeps them in memory.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { OperationState, Outcome } from "../../src/gen/ota/v1/ota_service.js";
import { failureOf } from "../support/grpc-failure.js";
import { createOperationsCaller, metadataOf, responseOf } from "../support/operations-caller.js";
import {
  type EmulatorProgram,
  endPrograms,
  type GatewayProgram,
  runEmulator,
  runGateway,
} from "../support/processes.js";

const folder = mkdtempSync(join(tmpdir(), "ota-gateway-operations-"));
let emulator: EmulatorProgram;
let gateway: GatewayProgram;
let nextDevice = 0;
const open: { close(): void }[] = [];

const callerOf = (name: string, address = gateway.grpc) => {
  const caller = createOperationsCaller(address, { "x-ota-caller": name });
  open.push(caller);
  return caller;
};
/** Devices that no other test names. */
const devices = (count: number) => Array.from({ length: count }, () => seededName(nextDevice++));
const NOBODY = "operations/01J00000000000000000000000";

beforeAll(async () => {
  const config = join(folder, "config.yaml");
  writeFileSync(
    config,
    `callers:
  fleet: {}
  other: {}
  operator: { operations: manage }
  auditor: { operations: all }
  bulk: { priorities: [BULK], products: [a1Else*] }
`,
  );
  emulator = await runEmulator("--devices", "100000");
  gateway = await runGateway(emulator.url, {
    OTA_CONFIG: config,
    OTA_AUDIT_LOG: join(folder, "audit.log"),
    OTA_MAX_OPERATIONS_PER_CALLER: "3",
    OTA_MAX_DEVICES_PER_OPERATION: "60000",
  });
  await gateway.opened();
});
afterAll(async () => {
  for (const caller of open) caller.close();
  await endPrograms();
  rmSync(folder, { recursive: true, force: true });
});

describe("SubmitCancelTasksByDevice", () => {
  it("stores a list, cancels it in the background, and reports what became of each device", async () => {
    const caller = callerOf("fleet");
    const names = devices(4500);
    const submitted = await caller.submit([...names, names[0] as string, names[1] as string], { reason: "bad" });
    expect(submitted.name).toMatch(/^operations\/[0-9A-Z]{26}$/);
    expect(submitted.done).toBe(false);
    expect(metadataOf(submitted)).toMatchObject({
      ...{ caller: "fleet", state: OperationState.RUNNING, durable: false },
      ...{ devices: 4500n, devicesRepeated: 2n, devicesWaiting: 4500n, outcomes: [] },
      spec: { account: "default", reason: "bad", timeToLive: { seconds: 3600n } },
    });
    const operation = await caller.wait(submitted.name);
    expect(operation.done).toBe(true);
    const outcomes = [{ outcome: Outcome.ACCEPTED, devices: 4500n }];
    expect(responseOf(operation)).toEqual({ devices: 4500n, outcomes, success: true });
    const metadata = metadataOf(operation);
    expect(metadata).toMatchObject({ state: OperationState.DONE, devicesWaiting: 0n, outcomes, upstreamCalls: 23n });
    expect(metadata.endTime).toBeDefined();

    const all = await caller.allResults(submitted.name, 999);
    expect(all.map(({ deviceName }) => deviceName)).toEqual(names);
    expect(all.every(({ outcome, callIndex }) => outcome === Outcome.ACCEPTED && callIndex === -1)).toBe(true);
    expect((await caller.results({ name: submitted.name, outcomes: [Outcome.REJECTED] })).results).toEqual([]);
    expect((await caller.results({ name: submitted.name })).results).toHaveLength(1000);
  });

  it("reports devices that were refused, with the reason", async () => {
    const caller = callerOf("fleet");
    const names = [...devices(30), "device-nobody"];
    const operation = await caller.wait((await caller.submit(names)).name);
    expect(responseOf(operation)).toMatchObject({ success: false });
    const rejected = await caller.results({ name: operation.name, outcomes: [Outcome.REJECTED] });
    expect(rejected.results).toMatchObject([{ deviceName: "device-nobody", status: { code: 5 } }]);
  });

  it("returns the same operation for the same request_id, and refuses it for another list", async () => {
    const caller = callerOf("fleet");
    const names = devices(50);
    const spec = { requestId: "once" };
    const { name } = await caller.submit(names, spec);
    expect((await caller.submit(names.toReversed(), spec)).name).toBe(name);
    await caller.wait(name);
    expect((await caller.submit(names, spec)).done).toBe(true);
    expect(await failureOf(caller.submit(names.slice(1), spec))).toMatchObject({
      code: "ALREADY_EXISTS",
      reason: "REQUEST_ID_REUSED",
    });
    expect(await failureOf(caller.submit(names, { ...spec, reason: "another" }))).toMatchObject({
      reason: "REQUEST_ID_REUSED",
    });
    await caller.remove(name);
    expect(await failureOf(caller.submit(names, spec))).toMatchObject({ reason: "REQUEST_ID_REUSED" });
    expect((await callerOf("other").submit(names, spec)).name).not.toBe(name);
  });

  it("stores nothing of a list with malformed names, and says which", async () => {
    const caller = callerOf("fleet");
    const before = (await caller.list()).operations.length;
    const failure = await failureOf(caller.submit([...devices(12_000), "x y z z", "no"]));
    expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", reason: "INVALID_REQUEST" });
    expect(failure.violations.map(({ field }) => field)).toEqual(["device_names[12000]", "device_names[12001]"]);
    expect((await caller.list()).operations).toHaveLength(before);
  });

  it.each([
    ["without product_key", { productKey: "" }],
    ["with verify but no job_id", { verify: true }],
    ["with two days to live", { timeToLive: { seconds: 172_800n, nanos: 0 } }],
    ["with an account that is not there", { account: "nowhere" }],
  ])("refuses a spec %s", async (_, spec) => {
    expect(await failureOf(callerOf("fleet").submit(devices(1), spec))).toMatchObject({
      code: expect.stringMatching(/INVALID_ARGUMENT|PERMISSION_DENIED/),
    });
  });

  it("refuses an empty list, a list that is too long, and one that cannot be done in time", async () => {
    const caller = callerOf("fleet");
    expect(await failureOf(caller.submit([]))).toMatchObject({ reason: "INVALID_REQUEST" });
    const names = Array.from({ length: 60_001 }, (_, n) => `too-many-${n}`);
    expect(await failureOf(caller.submit(names))).toMatchObject({ reason: "INVALID_REQUEST" });
    const spec = { timeToLive: { seconds: 2n, nanos: 0 } };
    expect(await failureOf(caller.submit(names.slice(0, 50_000), spec))).toMatchObject({
      code: "DEADLINE_EXCEEDED",
      reason: "DEADLINE_TOO_SHORT",
    });
  });

  it("stores nothing of a stream that breaks off", async () => {
    const caller = callerOf("fleet");
    const before = (await caller.list()).operations.length;
    await caller.submit(devices(100), {}, { end: false }).catch(() => {});
    expect((await caller.list()).operations).toHaveLength(before);
  });

  it("refuses what the caller has no right to", async () => {
    expect(await failureOf(callerOf("bulk").submit(devices(1)))).toMatchObject({ reason: "FORBIDDEN" });
    expect(await failureOf(callerOf("stranger").submit(devices(1)))).toMatchObject({ reason: "FORBIDDEN" });
  });
});

describe("google.longrunning.Operations", () => {
  it("stops an operation: what was not sent is not attempted, and nothing more is sent", async () => {
    const caller = callerOf("fleet");
    const { name } = await caller.submit(devices(40_000));
    expect(await failureOf(caller.remove(name))).toMatchObject({ reason: "OPERATION_RUNNING" });
    await caller.stop(name);
    const operation = await caller.wait(name, 20);
    expect(operation).toMatchObject({ done: true, result: { $case: "error", error: { code: 1 } } });
    const { outcomes, devicesWaiting, state } = metadataOf(operation);
    expect([state, devicesWaiting]).toEqual([OperationState.STOPPED, 0n]);
    expect(outcomes.reduce((sum, each) => sum + each.devices, 0n)).toBe(40_000n);
    await caller.stop(name); // does nothing
    await caller.remove(name);
    expect(await failureOf(caller.get(name))).toMatchObject({ code: "NOT_FOUND", reason: "OPERATION_NOT_FOUND" });
  });

  it("ends an operation whose time to live has passed", async () => {
    const caller = callerOf("fleet");
    const { name } = await caller.submit(devices(6000), { timeToLive: { seconds: 5n, nanos: 0 } });
    const operation = await caller.wait(name);
    if (metadataOf(operation).state === OperationState.EXPIRED) {
      expect(operation).toMatchObject({ done: true, result: { $case: "error", error: { code: 4 } } });
    } else expect(responseOf(operation)?.success).toBe(true);
  });

  it("bounds the operations of a caller that have not ended", async () => {
    const caller = callerOf("other");
    const names = [];
    for (let n = 0; n < 3; n++) names.push((await caller.submit(devices(3000))).name);
    expect(await failureOf(caller.submit(devices(1)))).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "OVERLOADED",
    });
    for (const name of names) await caller.stop(name);
    for (const name of names) await caller.wait(name, 20);
  });

  it("waits no longer than it was asked to", async () => {
    const caller = callerOf("fleet");
    const { name } = await caller.submit(devices(10_000));
    expect((await caller.wait(name, 0)).done).toBe(false);
    await caller.stop(name);
    expect((await caller.wait(name, 20)).done).toBe(true);
  });

  it("lists by pages, newest first, and by whether they are done", async () => {
    const caller = callerOf("fleet");
    const all = (await caller.list()).operations.map(({ name }) => name);
    const paged: string[] = [];
    for (let pageToken = ""; ; ) {
      const page = await caller.list({ name: "operations", pageSize: 2, pageToken });
      paged.push(...page.operations.map(({ name }) => name));
      if (page.nextPageToken === "") break;
      pageToken = page.nextPageToken;
      const wrong = caller.list({ pageToken, filter: "done=true" });
      expect(await failureOf(wrong)).toMatchObject({ reason: "INVALID_REQUEST" });
    }
    const forged = Buffer.from('[["operations",""],{}]').toString("base64url");
    expect(await failureOf(caller.list({ pageToken: forged }))).toMatchObject({ reason: "INVALID_REQUEST" }); // was: INTERNAL
    expect(paged).toEqual(all);
    expect(all.length).toBeGreaterThan(3);
    expect((await caller.list({ filter: "done=false" })).operations).toEqual([]);
    expect((await caller.list({ filter: "done = true" })).operations).toHaveLength(all.length);
    expect(await failureOf(caller.list({ filter: "state=DONE" }))).toMatchObject({ reason: "INVALID_REQUEST" });
    expect(await failureOf(caller.list({ name: "jobs" }))).toMatchObject({ reason: "INVALID_REQUEST" });
  });

  it("hides another caller's operations, except from callers with a right to them", async () => {
    const { name } = await callerOf("fleet").submit(devices(20_000));
    const [other, operator, auditor] = [callerOf("other"), callerOf("operator"), callerOf("auditor")];
    for (const rpc of [
      other.get(name),
      other.stop(name),
      other.wait(name),
      other.results({ name }),
      other.remove(name),
    ]) {
      expect(await failureOf(rpc)).toMatchObject({ reason: "OPERATION_NOT_FOUND" });
    }
    expect((await other.list()).operations.map((each) => each.name)).not.toContain(name);
    expect((await operator.list()).operations.map((each) => each.name)).toContain(name);
    expect(metadataOf(await operator.get(name)).caller).toBe("fleet");
    expect(await failureOf(operator.results({ name }))).toMatchObject({ reason: "FORBIDDEN" });
    await auditor.results({ name });
    await operator.stop(name);
    expect((await operator.wait(name, 20)).done).toBe(true);
    expect(await failureOf(auditor.remove(name))).toMatchObject({ reason: "FORBIDDEN" });
  });

  it.each(["", "operations/", "operations/x", "jobs/01J00000000000000000000000", `${NOBODY}/`])(
    "refuses %j, which is no name of an operation",
    async (name) => {
      expect(await failureOf(callerOf("fleet").get(name))).toMatchObject({ reason: "INVALID_REQUEST" });
    },
  );

  it("does not know what does not exist", async () => {
    const caller = callerOf("fleet");
    for (const rpc of [
      caller.get(NOBODY),
      caller.wait(NOBODY),
      caller.stop(NOBODY),
      caller.results({ name: NOBODY }),
    ]) {
      expect(await failureOf(rpc)).toMatchObject({ code: "NOT_FOUND", reason: "OPERATION_NOT_FOUND" });
    }
  });
});

describe("a gateway that shares its quota but no store", () => {
  it("keeps no operations, because another replica would not know them", async () => {
    const replica = await runGateway(emulator.url, { OTA_REDIS_URL: "redis://127.0.0.1:1" });
    const caller = callerOf("fleet", replica.grpc);
    for (const rpc of [
      caller.submit(devices(1)),
      caller.list(),
      caller.get(NOBODY),
      caller.results({ name: NOBODY }),
    ]) {
      expect(await failureOf(rpc)).toMatchObject({ code: "FAILED_PRECONDITION", reason: "STATE_NOT_SHARED" });
    }
  });
});
