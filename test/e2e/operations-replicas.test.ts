// Two gateways that share operations in PostgreSQL and the quota in Redis. The one that runs an
// operation is frozen for longer than its lease, and later killed, PostgreSQL with it, or in the
// middle of the stop of a rollout.
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { Outcome } from "../../src/gen/ota/v1/ota_service.js";
import { createCaller } from "../support/grpc-caller.js";
import {
  createOperationsCaller,
  metadataOf,
  responseOf,
  stopMetadataIn,
  stopResponseIn,
} from "../support/operations-caller.js";
import { PASSWORD, type PostgresServer, startPostgres } from "../support/postgres.js";
import { endPrograms, type GatewayProgram, runGateway, until, type Variables } from "../support/processes.js";
import { endRedis, startRedis } from "../support/redis.js";
import { systemHas } from "../support/system.js";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.js";

const DEVICES = 16_000;
/** Calls in flight at a kill: no more than the tokens, and answered within milliseconds here. */
const IN_FLIGHT = 10 * 200;

describe.skipIf(!systemHas("postgres") || !systemHas("redis"))("an operation of two replicas", () => {
  const sent = new Map<string, number>();
  /** Calls on whole batches that change something. */
  const batchChanges: string[] = [];
  let nextDevice = 0;
  /** Devices that no other test names. */
  const devices = (count: number) => Array.from({ length: count }, () => seededName(nextDevice++));
  const timesSent = (names: readonly string[]) => names.reduce((sum, name) => sum + (sent.get(name) ?? 0), 0);
  const timesInAll = () => [...sent.values()].reduce((sum, times) => sum + times, 0);
  const devicesSent = (names: readonly string[]) => names.filter((name) => sent.has(name)).length;
  let emulator: Emulator;
  let postgres: PostgresServer;
  let slow: TcpProxy;
  let ofFirst: Variables;
  let first: GatewayProgram;
  let second: GatewayProgram;
  let here: ReturnType<typeof createOperationsCaller>;
  let there: ReturnType<typeof createOperationsCaller>;

  beforeAll(async () => {
    emulator = await startEmulator({
      listen: "127.0.0.1:0",
      devices: 3 * DEVICES,
      verifyJob: "reject",
      faults: ({ action, parameters }) => {
        if (/^Cancel.*ByJob$/.test(action)) batchChanges.push(`${action} ${parameters.get("JobId")}`);
        for (const [key, name] of parameters) {
          if (key.startsWith("DeviceName.")) sent.set(name, (sent.get(name) ?? 0) + 1);
        }
        return undefined;
      },
    });
    const redis = await startRedis();
    postgres = await startPostgres();
    const address = await postgres.database("fleet");
    slow = await startTcpProxy(postgres.port);
    slow.delayMs = 30; // of each packet, and a commit takes three round trips at least
    const slowAddress = address.replace(`:${postgres.port}/`, `:${slow.port}/`);
    // So long ledgers open, and a process waits for the calls of one that died.
    ofFirst = { OTA_STATE: address, OTA_REDIS_URL: redis.url, OTA_UPSTREAM_TIMEOUT_MS: "5000" };
    first = await runGateway(emulator.url, ofFirst);
    second = await runGateway(emulator.url, { ...ofFirst, OTA_STATE: slowAddress });
    await Promise.all([first.opened(), second.opened()]);
    here = createOperationsCaller(first.grpc);
    there = createOperationsCaller(second.grpc);
  });
  afterAll(async () => {
    for (const each of [here, there]) each?.close();
    await endPrograms();
    slow?.close();
    await endRedis();
    await postgres?.end();
    await emulator?.close();
  });

  /** Every device has one outcome, and few were sent twice. */
  const expectDone = async (name: string, names: readonly string[]) => {
    expect(responseOf(await there.get(name))).toMatchObject({
      success: true,
      outcomes: [{ outcome: Outcome.ACCEPTED, devices: BigInt(names.length) }],
    });
    expect((await there.allResults(name)).map(({ deviceName }) => deviceName)).toEqual(names);
    expect(timesSent(names) - names.length).toBeLessThanOrEqual(IN_FLIGHT);
    expect(emulator.stats().worstSecond).toBeLessThanOrEqual(10);
  };
  const isDone = async (name: string) => (await there.get(name).catch(() => undefined))?.done === true;

  it("is completed by the other, on a slow connection, when the one that runs it is frozen, which sends nothing when it wakes", async () => {
    const names = devices(DEVICES);
    const { name } = await here.submit(names);
    await until(() => devicesSent(names) >= DEVICES / 4);
    first.kill("SIGSTOP");
    await until(() => isDone(name));
    await expectDone(name, names);
    const times = timesSent(names);
    const record = await there.get(name);

    first.kill("SIGCONT");
    // It works again: whatever it did on waking is over when it has carried out another list.
    const more = devices(2000);
    const next = await here.submit(more);
    await until(() => isDone(next.name));
    await expectDone(next.name, more);
    expect(timesSent(names)).toBe(times);
    expect(await here.get(name)).toEqual(record);
  });

  it("is completed by the other when the one that runs it is killed, and PostgreSQL is away meanwhile", async () => {
    const names = devices(DEVICES);
    const spec = { requestId: "rollback-7" };
    const { name } = await here.submit(names, spec);
    expect(metadataOf(await there.get(name))).toMatchObject({ durable: true, devices: BigInt(DEVICES) });

    await until(() => devicesSent(names) >= DEVICES / 4);
    first.kill("SIGKILL");
    await postgres.kill();
    await first.ended;
    await expect(there.submit(names.slice(0, 1))).rejects.toMatchObject({ code: status.UNAVAILABLE });
    const caller = createCaller(second.grpc);
    const plain = await caller.cancel(devices(1)).answer;
    expect(plain.results).toMatchObject([{ outcome: Outcome.ACCEPTED }]);
    caller.close();
    await postgres.start();

    await until(() => isDone(name));
    await expectDone(name, names);
    expect((await there.submit([...names].reverse(), spec)).name).toBe(name);
    expect(second.stdout + second.stderr).not.toContain(encodeURIComponent(PASSWORD));
  });

  it("stops a rollout to its end, with a true report, when the one that stops it is killed", async () => {
    // Only this one can take the order up.
    first.kill("SIGKILL");
    await first.ended;
    first = await runGateway(emulator.url, { ...ofFirst, OTA_LISTEN: first.grpc });
    await first.opened();
    second.kill("SIGSTOP");
    const scope = { productKey: "a1Other", firmwareId: "OtherFirmware" };
    const fixed = emulator.startRollout({ ...scope, devices: 3000, states: { NOTIFIED: 30 } });
    const dynamic = emulator.startRollout({ ...scope, kind: "dynamic", devices: 500 });
    const verify = emulator.startRollout({ ...scope, kind: "verify", devices: 3000 });
    const tasks = ({ jobId }: typeof verify) => emulator.rollouts().find((each) => each.jobId === jobId)?.tasks;
    const before = timesInAll();
    const { name } = await here.stopRollout(scope);
    // In the middle of the sweep, with all calls on whole batches recorded.
    const recorded = async () => {
      const { jobs } = stopMetadataIn(await here.get(name));
      return jobs.reduce((sum, { callsMade }) => sum + Number(callsMade), 0);
    };
    await until(async () => (tasks(verify)?.CANCELED ?? 0) >= 500 && (await recorded()) === 3);
    first.kill("SIGKILL");
    second.kill("SIGCONT");
    await until(() => isDone(name));

    const response = stopResponseIn(await there.get(name));
    expect(response).toMatchObject({ stopped: true, otherOpenJobs: [] });
    const byJob = new Map(response?.jobs.map((job) => [job.before?.jobId, job]));
    expect(byJob.get(fixed.jobId)).toMatchObject({ left: 0n, mayStillInstall: 30n, callsMade: 1n });
    expect(byJob.get(dynamic.jobId)).toMatchObject({ left: 0n, strategyClosed: true, callsMade: 2n });
    expect(byJob.get(verify.jobId)).toMatchObject({ left: 0n, callsMade: 0n });
    for (const batch of [fixed, dynamic, verify]) {
      expect(tasks(batch)).toMatchObject({ CONFIRM: 0, QUEUED: 0, NOTIFIED: 0, IN_PROGRESS: 0 });
    }
    // What had been answered is not asked for again; by device, only calls in flight can be.
    expect(batchChanges.sort()).toEqual(
      [
        `CancelOTAStrategyByJob ${dynamic.jobId}`,
        ...[dynamic, fixed].map(({ jobId }) => `CancelOTATaskByJob ${jobId}`),
      ].sort(),
    );
    const results = await there.allResults(name);
    expect(new Set(results.map(({ deviceName }) => deviceName)).size).toBe(3000);
    expect(results).toHaveLength(3000);
    const { operations, worstSecond } = emulator.stats();
    expect(timesInAll() - before - 3000).toBeLessThanOrEqual(IN_FLIGHT);
    expect(Math.max(worstSecond, operations["ListOTATaskByJob"]?.worstSecond ?? 0)).toBeLessThanOrEqual(10);
  });
});
