// Two gateways that share operations in PostgreSQL and the quota in Redis. The one that runs an
// operation is killed, and PostgreSQL with it.
import { status } from "@grpc/grpc-js";
import { afterAll, describe, expect, it } from "vitest";
import { startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { Outcome } from "../../src/gen/ota/v1/ota_service.js";
import { createCaller } from "../support/grpc-caller.js";
import { createOperationsCaller, metadataOf, responseOf } from "../support/operations-caller.js";
import { PASSWORD, type PostgresServer, startPostgres } from "../support/postgres.js";
import { endPrograms, runGateway, until } from "../support/processes.js";
import { endRedis, startRedis } from "../support/redis.js";
import { systemHas } from "../support/system.js";

const DEVICES = 16_000;
/** Calls in flight at a kill: no more than the tokens, and answered within milliseconds here. */
const IN_FLIGHT = 10 * 200;

let postgres: PostgresServer | undefined;
afterAll(async () => {
  await endPrograms();
  await endRedis();
  await postgres?.end();
});

describe.skipIf(!systemHas("postgres") || !systemHas("redis"))("an operation of two replicas", () => {
  it("is completed by the other when the one that runs it is killed, and PostgreSQL is away meanwhile", async () => {
    const sent = new Map<string, number>();
    const emulator = await startEmulator({
      listen: "127.0.0.1:0",
      devices: DEVICES + 1,
      faults: ({ parameters }) => {
        for (const [key, name] of parameters) {
          if (key.startsWith("DeviceName.")) sent.set(name, (sent.get(name) ?? 0) + 1);
        }
        return undefined;
      },
    });
    postgres = await startPostgres();
    const redis = await startRedis();
    const variables = { OTA_STATE: await postgres.database("fleet"), OTA_REDIS_URL: redis.url };
    const first = await runGateway(emulator.url, variables);
    const second = await runGateway(emulator.url, variables);
    await Promise.all([first.opened(), second.opened()]);
    const here = createOperationsCaller(first.grpc);
    const there = createOperationsCaller(second.grpc);
    const names = Array.from({ length: DEVICES }, (_, n) => seededName(n));
    const spec = { requestId: "rollback-7" };
    const { name } = await here.submit(names, spec);
    expect(metadataOf(await there.get(name))).toMatchObject({ durable: true, devices: BigInt(DEVICES) });

    await until(() => sent.size >= DEVICES / 4);
    first.kill("SIGKILL");
    await postgres.kill();
    await first.ended;
    await expect(there.submit(names.slice(0, 1))).rejects.toMatchObject({ code: status.UNAVAILABLE });
    const caller = createCaller(second.grpc);
    const plain = await caller.cancel([seededName(DEVICES)]).answer;
    expect(plain.results).toMatchObject([{ outcome: Outcome.ACCEPTED }]);
    await postgres.start();

    await until(async () => (await there.get(name).catch(() => undefined))?.done === true);
    const operation = await there.get(name);
    expect(responseOf(operation)).toMatchObject({
      success: true,
      outcomes: [{ outcome: Outcome.ACCEPTED, devices: BigInt(DEVICES) }],
    });
    expect((await there.submit([...names].reverse(), spec)).name).toBe(name);
    expect((await there.allResults(name)).map(({ deviceName }) => deviceName)).toEqual(names);
    const twice = [...sent.values()].reduce((sum, times) => sum + times - 1, 0);
    expect(twice).toBeLessThanOrEqual(IN_FLIGHT);
    expect(emulator.stats().worstSecond).toBeLessThanOrEqual(10);
    expect(second.stdout + second.stderr).not.toContain(encodeURIComponent(PASSWORD));
    for (const each of [here, there, caller]) each.close();
    await emulator.close();
  });
});
