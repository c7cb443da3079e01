// StopRollout over the real gRPC port, against the emulator: what it calls in which order, what it
// leaves alone, what its report says, and what the audit log and the spans tell of it.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EmulatorOptions } from "../../src/emulator/options.js";
import { type Emulator, startEmulator } from "../../src/emulator/server.js";
import type { Operation } from "../../src/gen/google/longrunning/operations.js";
import { Status } from "../../src/gen/google/rpc/status.js";
import { OperationState, Outcome, Priority, Step } from "../../src/gen/ota/v1/ota_service.js";
import { createOperationsCaller, stopMetadataIn, stopResponseIn } from "../support/operations-caller.js";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.js";
import {
  endPrograms,
  type GatewayProgram,
  runEmulator,
  runGateway,
  until,
  type Variables,
} from "../support/processes.js";

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
  called: (action: string, parameters: ReadonlyMap<string, string>) => void = () => {},
  headers: Variables = {},
): Promise<World> {
  const changes: Change[] = [];
  const emulator = await startEmulator({
    listen: "127.0.0.1:0",
    faults: ({ action, parameters }) => {
      called(action, parameters);
      if (!action.startsWith("Cancel")) return undefined;
      const change = { operation: action, jobId: parameters.get("JobId") ?? "", parameters: new Map(parameters) };
      changes.push(change);
      return undefined;
    },
    ...options,
  });
  const gateway = await runGateway(emulator.url, variables);
  const world = { emulator, changes, gateway, caller: createOperationsCaller(gateway.grpc, headers) };
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
  const folder = mkdtempSync(join(tmpdir(), "ota-gateway-stop-"));
  const auditPath = join(folder, "audit.jsonl");
  let world: World;
  let receiver: OtlpReceiver;
  let calls = 0;
  beforeAll(async () => {
    receiver = await startOtlpReceiver();
    const config = join(folder, "gateway.yaml");
    writeFileSync(
      config,
      `callers:
  release-manager: { stop_rollouts: true, products: ["a1Emu*"], priorities: [BULK, NORMAL] }
  fleet-backend: { products: ["a1Emu*"] }
`,
    );
    world = await openWorld(
      { byJobDelayMs: 1500, verifyJob: "reject" },
      { OTA_CONFIG: config, OTA_AUDIT_LOG: auditPath, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url },
      () => calls++,
      { "x-ota-caller": "release-manager" },
    );
    const { emulator } = world;
    emulator.startRollout({ devices: 40_000, states: { NOTIFIED: 20_000, IN_PROGRESS: 5000, SUCCEEDED: 500 } });
    emulator.startRollout({ kind: "dynamic", devices: 20_000, joinsPerSecond: 20 });
    emulator.startRollout({ devices: 990, startsInMs: 3_600_000 });
    emulator.startRollout({ kind: "verify", devices: 10 });
    emulator.startRollout({ productKey: "a1Other", firmwareId: "OtherFirmware", devices: 50 });
  });
  afterAll(async () => {
    await receiver?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is refused without the right to it, or to its product, at no call", async () => {
    const others = createOperationsCaller(world.gateway.grpc, { "x-ota-caller": "fleet-backend" });
    const denied = (fields: string) => ({ code: 7, details: `this caller has no right to this ${fields}` });
    await expect(others.stopRollout()).rejects.toMatchObject(denied("rollout (stop_rollouts)"));
    const foreign = { productKey: "a1Other", firmwareId: "OtherFirmware" };
    await expect(world.caller.stopRollout(foreign)).rejects.toMatchObject(denied("product_key"));
    await expect(world.caller.stopRollout({ priority: Priority.URGENT })).rejects.toMatchObject(denied("priority"));
    others.close();
    expect(calls).toBe(0);
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

  it("leaves a line in the audit log for each order, plan and end, without the name of any device", async () => {
    const { emulator } = world;
    const read = () => {
      const text = readFileSync(auditPath, "utf8");
      const lines = text.split("\n").slice(0, -1);
      return { text, lines: lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>) };
    };
    const said = () =>
      read().lines.map(({ rpc, outcome, caller, state }) => [rpc, outcome, caller, state].join(" ").trim());
    // The last line is written after the end has been stored, and so after its caller may know of it.
    await expect.poll(said).toEqual([
      "StopRollout refused fleet-backend",
      ...["StopRollout refused release-manager", "StopRollout refused release-manager"],
      // Refused by the etag.
      ...["StopRollout ok release-manager running", "Ended ok release-manager done"],
      ...["StopRollout ok release-manager running", "StopRollout ok release-manager running"],
      // The same request_id for something else.
      ...["StopRollout refused release-manager", "SubmitCancelTasksByDevice refused release-manager"],
      ...["Planned ok release-manager running", "Ended ok release-manager done"],
      ...["StopRollout ok release-manager running", "Planned ok release-manager running"],
      "Ended ok release-manager done",
    ]);
    const { text, lines } = read();
    const [planned, ended] = ["Planned", "Ended"].map((rpc) => {
      return lines.find((line) => line["rpc"] === rpc && line["reason"] === "bad firmware");
    });
    const [, fixed] = emulator.rollouts();
    expect(planned?.["priority"]).toBe("PRIORITY_NORMAL");
    const jobs = expect.arrayContaining([expect.objectContaining({ jobId: fixed?.jobId })]) as unknown;
    expect(planned?.["rollout"]).toMatchObject({ states: ["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"], jobs });
    expect(ended).toMatchObject({ devicesByOutcome: { accepted: 10, "already-finished": 500 } });
    expect(ended?.["rollout"]).toMatchObject({ stopped: true, otherOpenJobs: [], jobs });
    const results = await world.caller.allResults(ended?.["operation"] as string);
    for (const { deviceName } of results) expect(text).not.toContain(deviceName);
  });

  it("has a span of its own, to which each of its calls is linked", async () => {
    const name = "stop-1";
    const { operations } = await world.caller.list();
    const stop = operations.find((each) => stopMetadataIn(each).request?.requestId === name);
    await until(() => receiver.spans.some(({ attributes }) => attributes["ota.operation"] === stop?.name));
    const own = receiver.spans.filter(({ attributes }) => attributes["ota.operation"] === stop?.name);
    expect(own).toHaveLength(1);
    const isLinked = ({ links }: (typeof own)[number]) => links.some(({ spanId }) => spanId === own[0]?.spanId);
    const linked = receiver.spans.filter(isLinked);
    const operationsOf = new Set(linked.map((span) => span.name.split(" ").at(-1)));
    expect([...operationsOf].sort()).toEqual([
      ...["CancelOTAStrategyByJob", "CancelOTATaskByDevice", "CancelOTATaskByJob"],
      ...["ListOTAJobByFirmware", "ListOTATaskByJob"],
    ]);
  });
});

describe("StopRollout in a world of its own", () => {
  it.concurrent("sweeps what no call for a whole batch reaches, and has a result for each device", async () => {
    const { caller, emulator, changes } = await openWorld({ verifyJob: "reject", devices: 0 });
    emulator.startRollout({ kind: "verify", devices: 5000 });
    const operation = await ended(caller, (await caller.stopRollout()).name);
    expect(stopResponseIn(operation)).toMatchObject({ stopped: true, jobs: [{ swept: 5000n, left: 0n }] });
    expect(new Set(changes.map(({ operation }) => operation))).toEqual(new Set(["CancelOTATaskByDevice"]));
    expect(new Set(changes.map(({ jobId }) => jobId)).size).toBe(1);
    const results = await caller.allResults(operation.name);
    expect(results.every(({ outcome }) => outcome === Outcome.ACCEPTED)).toBe(true);
    expect(new Set(results.map(({ deviceName }) => deviceName)).size).toBe(5000);
    expect(results).toHaveLength(5000);
  });

  it.concurrent("cancels forty batches with a million tasks by a call each, before it has counted all of them", async () => {
    // In a process of its own: a million tasks hold up this one for too long.
    const rollout = ["--rollout", JSON.stringify({ devices: 25_000 })];
    const emulator = await runEmulator(...Array(40).fill(rollout).flat());
    const gateway = await runGateway(emulator.url);
    const caller = createOperationsCaller(gateway.grpc);
    const operation = await ended(caller, (await caller.stopRollout()).name);
    const response = stopResponseIn(operation);
    expect(response?.stopped).toBe(true);
    expect(response?.jobs).toHaveLength(40);
    const calls = response?.jobs.map(({ calls }) => calls.map((call) => call.operation));
    expect(calls).toEqual(Array(40).fill(["CancelOTATaskByJob"]));
    const { operations } = await emulator.stats();
    expect(Object.keys(operations).filter((action) => action.startsWith("Cancel"))).toEqual(["CancelOTATaskByJob"]);
    expect(operations["CancelOTATaskByJob"]).toMatchObject({ arrivals: 40, refused: {} });
    expect(operations["CancelOTATaskByJob"]?.worstSecond).toBeLessThanOrEqual(5);
    caller.close();
  });

  it.concurrent("changes nothing more once it is stopped, and says so", async () => {
    const { caller, emulator, changes } = await openWorld({ verifyJob: "reject", devices: 0 });
    emulator.startRollout({ kind: "verify", devices: 20_000 });
    const { name } = await caller.stopRollout();
    await until(() => changes.length >= 5);
    await caller.stop(name);
    const asked = changes.length;
    const operation = await ended(caller, name);
    const sent = changes.length;
    expect(sent - asked).toBeLessThanOrEqual(10); // those on their way
    expect(operation.result?.$case === "error" && operation.result.error.code).toBe(1);
    const metadata = stopMetadataIn(operation);
    expect(metadata).toMatchObject({ state: OperationState.STOPPED, step: Step.DONE });
    expect(metadata.jobs[0]?.left).toBeGreaterThan(0n);
    expect(sent).toBeLessThan(100);
    expect(changes.length).toBe(sent);
    // Of those that are left, 10,000 are named and the few that waited for a call, each once.
    const results = await caller.allResults(name);
    const left = results.filter(({ outcome }) => outcome === Outcome.NOT_ATTEMPTED);
    expect(left.length).toBeGreaterThanOrEqual(10_000);
    expect(left.length).toBeLessThan(10_000 + 100 * sent);
    expect(new Set(results.map(({ deviceName }) => deviceName)).size).toBe(results.length);
    expect((await caller.results({ name })).truncated).toBe(true);
  });

  it.concurrent("is resumed after a kill at any step, and its report is true", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ota-gateway-stop-"));
    /** Calls of the process that lives. */
    const counts = new Map<string, number>();
    const isFirst = (action: string, of: string, nth = 1) => action === of && counts.get(action) === nth;
    type Moment = (action: string, parameters: ReadonlyMap<string, string>) => boolean;
    const moments = new Map<string, Moment>([
      ["plan, listing", (action) => isFirst(action, "ListOTAJobByFirmware")],
      ["plan, counting", (action) => isFirst(action, "ListOTATaskByJob")],
      ["close", (action) => isFirst(action, "CancelOTAStrategyByJob")],
      ["cancel", (action) => isFirst(action, "CancelOTATaskByJob")],
      ["settle", (action) => isFirst(action, "ListOTATaskByJob")],
      ["sweep", (action) => isFirst(action, "CancelOTATaskByDevice", 3)],
      ["look again", (action) => isFirst(action, "ListOTAJobByFirmware", 2)],
      // With the report stored, it lists the devices that run the package.
      ["report", (_, parameters) => parameters.get("TaskStatus") === "SUCCEEDED" && parameters.get("PageSize") !== "1"],
    ]);
    let world: World | undefined;
    /** A process that is being killed still sends what it has begun. */
    let isDying = false;
    const variables: Record<string, string> = {
      OTA_STATE: join(folder, "state"),
      // So long a process waits for the calls of one that died.
      OTA_UPSTREAM_TIMEOUT_MS: "4000",
    };
    world = await openWorld(
      { verifyJob: "reject", byJobDelayMs: 1000, devices: 0 },
      variables,
      (action, parameters) => {
        if (isDying) return;
        counts.set(action, (counts.get(action) ?? 0) + 1);
        const [step, isDue] = [...moments][0] ?? [];
        if (!step || !isDue?.(action, parameters)) return;
        moments.delete(step);
        counts.clear();
        isDying = true;
        world?.gateway.kill("SIGKILL");
      },
    );
    const { caller, emulator } = world;
    variables["OTA_LISTEN"] = world.gateway.grpc;
    emulator.startRollout({ devices: 5000, states: { NOTIFIED: 40, SUCCEEDED: 3 } });
    emulator.startRollout({ kind: "dynamic", devices: 2000, joinsPerSecond: 5 });
    emulator.startRollout({ kind: "verify", devices: 2000 });
    const { name } = await caller.stopRollout({ requestId: "stop", listInstalled: true });
    for (let kills = moments.size; kills > 0; kills--) {
      await world.gateway.ended;
      isDying = false;
      world.gateway = await runGateway(emulator.url, variables);
    }
    expect([...moments.keys()]).toEqual([]);
    expect((await caller.stopRollout({ requestId: "stop", listInstalled: true })).name).toBe(name);
    const operation = await ended(caller, name);
    const response = stopResponseIn(operation);
    expect(response?.stopped).toBe(true);
    expect(response?.jobs).toHaveLength(3);
    expect(response?.jobs.find(({ before }) => before?.counts?.notified === 40n)).toMatchObject({
      mayStillInstall: 40n,
      alreadyInstalled: 3n,
    });
    const results = await caller.allResults(name);
    expect(new Set(results.map(({ deviceName }) => deviceName)).size).toBe(results.length);
    expect(results.filter(({ outcome }) => outcome === Outcome.ALREADY_FINISHED)).toHaveLength(3);
    // A call is made again only by a process that took over, and only for what was left.
    const times = (operation: string) => {
      const jobs = world?.changes.filter((each) => each.operation === operation).map(({ jobId }) => jobId) ?? [];
      return jobs.map((jobId) => jobs.filter((each) => each === jobId).length);
    };
    expect(Math.max(...times("CancelOTAStrategyByJob"))).toBeLessThanOrEqual(2);
    expect(Math.max(...times("CancelOTATaskByJob"))).toBeLessThanOrEqual(3);
    for (const { tasks } of emulator.rollouts()) {
      expect(tasks.CONFIRM + tasks.QUEUED + tasks.NOTIFIED + tasks.IN_PROGRESS).toBe(0);
    }
    expect(emulator.stats().operations["CancelOTATaskByJob"]?.worstSecond).toBeLessThanOrEqual(5);
    rmSync(folder, { recursive: true, force: true });
  });
});
