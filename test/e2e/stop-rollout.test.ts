// StopRollout over the real gRPC port, against the emulator: what it calls in which order, what it
// leaves alone, and what its report says.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EmulatorOptions } from "../../src/emulator/options.js";
import { type Emulator, startEmulator } from "../../src/emulator/server.js";
import type { Operation } from "../../src/gen/google/longrunning/operations.js";
import { Status } from "../../src/gen/google/rpc/status.js";
import { OperationState, Outcome, Step } from "../../src/gen/ota/v1/ota_service.js";
import { createOperationsCaller, stopMetadataIn, stopResponseIn } from "../support/operations-caller.js";
import { endPrograms, type GatewayProgram, runGateway, until, type Variables } from "../support/processes.js";

const FLAGS = ["Scheduled", "Queued", "Notified", "InProgress", "Unconfirmed"].map((flag) => `Cancel${flag}Task`);

/** A changing call as it arrived. */
interface Change {
  readonly operation: string;
  readonly jobId: string;
  readonly parameters: ReadonlyMap<string, string>;
}

interface World {
  readonly emulator: Emulator;
  readonly changes: Change[];
  gateway: GatewayProgram;
  readonly caller: ReturnType<typeof createOperationsCaller>;
}

const worlds: World[] = [];

async function openWorld(
  options: Partial<EmulatorOptions> = {},
  variables: Variables = {},
  called: (action: string) => void = () => {},
): Promise<World> {
  const changes: Change[] = [];
  const emulator = await startEmulator({
    listen: "127.0.0.1:0",
    faults: ({ action, parameters }) => {
      called(action);
      if (!action.startsWith("Cancel")) return undefined;
      const change = { operation: action, jobId: parameters.get("JobId") ?? "", parameters: new Map(parameters) };
      changes.push(change);
      return undefined;
    },
    ...options,
  });
  const gateway = await runGateway(emulator.url, variables);
  const world = { emulator, changes, gateway, caller: createOperationsCaller(gateway.grpc) };
  worlds.push(world);
  return world;
}

/** One rpc waits for a minute at most. */
async function ended(caller: World["caller"], name: string): Promise<Operation> {
  for (;;) {
    const operation = await caller.wait(name);
    if (operation.done) return operation;
  }
}

afterAll(async () => {
  for (const { caller, gateway, emulator } of worlds) {
    caller.close();
    gateway.kill("SIGTERM");
    await gateway.ended;
    await emulator.close();
  }
  await endPrograms();
});

describe("StopRollout", () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld({ byJobDelayMs: 1500, verifyJob: "reject" });
    const { emulator } = world;
    emulator.startRollout({ devices: 200_000, states: { NOTIFIED: 20_000, IN_PROGRESS: 5000, SUCCEEDED: 500 } });
    emulator.startRollout({ kind: "dynamic", devices: 99_000, joinsPerSecond: 20 });
    emulator.startRollout({ devices: 990, startsInMs: 3_600_000 });
    emulator.startRollout({ kind: "verify", devices: 10 });
    emulator.startRollout({ productKey: "a1Other", firmwareId: "OtherFirmware", devices: 50 });
  });

  it("sends nothing if the rollout has a batch that it did not have when it was read", async () => {
    const { caller, changes } = world;
    const { name } = await caller.stopRollout({ etag: "AAAAAAAA" });
    const { result } = await caller.wait(name);
    expect(result?.$case === "error" && Status.decode(Status.encode(result.error).finish())).toMatchObject({
      code: 10,
      message: expect.stringContaining("read it again") as string,
    });
    expect(changes).toEqual([]);
  });

  it("stops every batch of a package, in order, and none of another product", async () => {
    const { caller, emulator, changes } = world;
    const before = emulator.rollouts();
    const [, fixed, dynamic, planned, verify, foreign] = before.map(({ jobId }) => jobId);
    const { name } = await caller.stopRollout({ requestId: "stop-1", reason: "bad firmware", listInstalled: true });
    expect((await caller.stopRollout({ requestId: "stop-1", reason: "bad firmware", listInstalled: true })).name).toBe(
      name,
    );
    await expect(caller.stopRollout({ requestId: "stop-1" })).rejects.toMatchObject({ code: 6 });
    await expect(caller.submit(["device-1"], { requestId: "stop-1" })).rejects.toMatchObject({ code: 6 });
    const operation = await caller.wait(name);
    expect(operation.result?.$case).toBe("response");
    const response = stopResponseIn(operation);
    expect(response).toMatchObject({ stopped: true, otherOpenJobs: [] });
    expect(stopMetadataIn(operation)).toMatchObject({ state: OperationState.DONE, step: Step.DONE, obstacle: "" });

    const byJob = Object.fromEntries(response?.jobs.map((job) => [job.before?.jobId, job]) ?? []);
    expect(Object.keys(byJob).sort()).toEqual([fixed, dynamic, planned, verify].sort());
    expect(byJob[fixed as string]).toMatchObject({
      mayStillInstall: 25_000n,
      alreadyInstalled: 500n,
      left: 0n,
      before: { counts: { notified: 20_000n, inProgress: 5000n } },
    });
    expect(byJob[dynamic as string]).toMatchObject({ strategyClosed: true, left: 0n, after: { status: "CANCELED" } });
    expect(byJob[verify as string]).toMatchObject({ swept: 10n, left: 0n });

    // The dynamic batch is closed before any task is canceled, and each call has all of its flags.
    expect(changes[0]).toMatchObject({ operation: "CancelOTAStrategyByJob", jobId: dynamic });
    const batchCalls = changes.filter(({ operation }) => operation === "CancelOTATaskByJob");
    expect(new Set(batchCalls.map(({ jobId }) => jobId))).toEqual(new Set([fixed, dynamic, planned]));
    for (const { parameters } of batchCalls) {
      expect(FLAGS.map((flag) => parameters.get(flag))).toEqual(FLAGS.map(() => "true"));
    }
    expect(changes.some(({ jobId }) => jobId === foreign)).toBe(false);
    const after = emulator.rollouts();
    expect(after.at(-1)).toEqual(before.at(-1));
    for (const { tasks } of after.slice(1, -1)) {
      expect(tasks.CONFIRM + tasks.QUEUED + tasks.NOTIFIED + tasks.IN_PROGRESS).toBe(0);
    }

    const results = await caller.allResults(name);
    const count = (outcome: Outcome) => results.filter((each) => each.outcome === outcome).length;
    expect([count(Outcome.ACCEPTED), count(Outcome.ALREADY_FINISHED)]).toEqual([10, 500]);
  });

  it("finds nothing to do when it is repeated", async () => {
    const { caller, changes } = world;
    const before = changes.length;
    const { name } = await caller.stopRollout();
    const operation = await caller.wait(name);
    expect(stopResponseIn(operation)).toMatchObject({ stopped: true });
    expect(changes.length).toBe(before);
  });

  it("cancels forty batches with a million tasks by a call each, before it has counted all of them", async () => {
    const { caller, emulator, changes } = await openWorld({ devices: 0 });
    for (let nth = 0; nth < 40; nth++) emulator.startRollout({ devices: 25_000 });
    const operation = await ended(caller, (await caller.stopRollout()).name);
    const response = stopResponseIn(operation);
    expect(response?.stopped).toBe(true);
    expect(response?.jobs).toHaveLength(40);
    expect(changes.map(({ operation }) => operation)).toEqual(Array(40).fill("CancelOTATaskByJob"));
    expect(new Set(changes.map(({ jobId }) => jobId)).size).toBe(40);
    expect(emulator.stats().operations["CancelOTATaskByJob"]?.worstSecond).toBeLessThanOrEqual(5);
  });
});

// Side by side, because most of it is waiting.
describe.concurrent("StopRollout, of a gateway of its own", () => {
  it("sweeps what no call for a whole batch reaches, and has a result for each device", async () => {
    const { caller, emulator, changes } = await openWorld({ verifyJob: "reject", devices: 0 });
    emulator.startRollout({ kind: "verify", devices: 20_000 });
    const operation = await ended(caller, (await caller.stopRollout()).name);
    expect(stopResponseIn(operation)).toMatchObject({ stopped: true, jobs: [{ swept: 20_000n, left: 0n }] });
    expect(new Set(changes.map(({ operation }) => operation))).toEqual(new Set(["CancelOTATaskByDevice"]));
    expect(new Set(changes.map(({ jobId }) => jobId)).size).toBe(1);
    const results = await caller.allResults(operation.name);
    expect(results.every(({ outcome }) => outcome === Outcome.ACCEPTED)).toBe(true);
    expect(new Set(results.map(({ deviceName }) => deviceName)).size).toBe(20_000);
    expect(results).toHaveLength(20_000);
  });

  it("changes nothing more once it is stopped, and says so", async () => {
    const { caller, emulator, changes } = await openWorld({ verifyJob: "reject", devices: 0 });
    emulator.startRollout({ kind: "verify", devices: 20_000 });
    const { name } = await caller.stopRollout();
    await until(() => changes.length >= 5);
    await caller.stop(name);
    const operation = await caller.wait(name);
    const sent = changes.length;
    expect(operation.result?.$case === "error" && operation.result.error.code).toBe(1);
    const metadata = stopMetadataIn(operation);
    expect(metadata).toMatchObject({ state: OperationState.STOPPED, step: Step.DONE });
    expect(metadata.jobs[0]?.left).toBeGreaterThan(0n);
    expect(sent).toBeLessThan(100);
    expect(changes.length).toBe(sent);
  });

  it("is resumed after a kill at any step, and its report is true", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ota-gateway-stop-"));
    // At the first call of each operation, and in the middle of settling and of the sweep.
    const kills = ["ListOTAJobByFirmware", "ListOTATaskByJob", "CancelOTAStrategyByJob", "CancelOTATaskByJob"];
    const moments = new Map([...kills.map((action) => [action, 1] as const), ["CancelOTATaskByDevice", 3] as const]);
    const counts = new Map<string, number>();
    let world: World | undefined;
    const variables: Record<string, string> = { OTA_STATE: join(folder, "state") };
    world = await openWorld({ verifyJob: "reject", byJobDelayMs: 1000, devices: 0 }, variables, (action) => {
      const nth = (counts.get(action) ?? 0) + 1;
      counts.set(action, nth);
      if (moments.get(action) !== nth) return;
      moments.delete(action);
      world?.gateway.kill("SIGKILL");
    });
    const { caller, emulator } = world;
    variables["OTA_LISTEN"] = world.gateway.grpc;
    emulator.startRollout({ devices: 5000, states: { NOTIFIED: 40, SUCCEEDED: 3 } });
    emulator.startRollout({ kind: "dynamic", devices: 2000, joinsPerSecond: 5 });
    emulator.startRollout({ kind: "verify", devices: 2000 });
    const { name } = await caller.stopRollout({ requestId: "stop", etag: "" });
    for (let kill = 0; kill < 5; kill++) {
      await world.gateway.ended;
      world.gateway = await runGateway(emulator.url, variables);
    }
    expect(moments.size).toBe(0);
    expect((await caller.stopRollout({ requestId: "stop", etag: "" })).name).toBe(name);
    const operation = await ended(caller, name);
    const response = stopResponseIn(operation);
    expect(response?.stopped).toBe(true);
    expect(response?.jobs).toHaveLength(3);
    expect(response?.jobs.find(({ before }) => before?.counts?.notified === 40n)).toMatchObject({
      mayStillInstall: 40n,
    });
    for (const { tasks } of emulator.rollouts()) {
      expect(tasks.CONFIRM + tasks.QUEUED + tasks.NOTIFIED + tasks.IN_PROGRESS).toBe(0);
    }
    expect(emulator.stats().operations["CancelOTATaskByJob"]?.worstSecond).toBeLessThanOrEqual(5);
    rmSync(folder, { recursive: true, force: true });
  });
});
