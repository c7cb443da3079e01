// Two gateways that share operations in PostgreSQL and the quota in Redis. The one that runs an
// operation is frozen for longer than its lease, and later killed, PostgreSQL with it.
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { Outcome } from "../../src/gen/ota/v1/ota_service.js";
import { createCaller } from "../support/grpc-caller.js";
import { createOperationsCaller, metadataOf, responseOf } from "../support/operations-caller.js";
import { PASSWORD, type PostgresServer, startPostgres } from "../support/postgres.js";
import { endPrograms, type GatewayProgram, runGateway, until } from "../support/processes.js";
import { endRedis, startRedis } from "../support/redis.js";
import { systemHas } from "../support/system.js";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.js";

const DEVICES = 16_000;
/** Calls in flight at a kill: no more than the tokens, and answered within milliseconds here. */
const IN_FLIGHT = 10 * 200;

describe.skipIf(!systemHas("postgres") || !systemHas("redis"))("an operation of two replicas", () => {
  const sent = new Map<string, number>();
  let nextDevice = 0;
  /** Devices that no other test names. */
  const devices = (count: number) => Array.from({ length: count }, () => seededName(nextDevice++));
  const timesSent = (names: readonly string[]) => names.reduce((sum, name) => sum + (sent.get(name) ?? 0), 0);
  const devicesSent = (names: readonly string[]) => names.filter((name) => sent.has(name)).length;
  let emulator: Emulator;
  let postgres: PostgresServer;
  let slow: TcpProxy;
  let first: GatewayProgram;
  let second: GatewayProgram;
  let here: ReturnType<typeof createOperationsCaller>;
  let there: ReturnType<typeof createOperationsCaller>;

  beforeAll(async () => {
    emulator = await startEmulator({
      listen: "127.0.0.1:0",
      devices: 3 * DEVICES,
      faults: ({ parameters }) => {
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
    first = await runGateway(emulator.url, { OTA_STATE: address, OTA_REDIS_URL: redis.url });
    second = await runGateway(emulator.url, { OTA_STATE: slowAddress, OTA_REDIS_URL: redis.url });
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
});
