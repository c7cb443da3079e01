// Replicas that read which devices exist share the quota of each reading operation as they share
// that of canceling. Judged by the emulator, which shares nothing with the limiter.
import { afterEach, describe, expect, it } from "vitest";
import { Outcome } from "../../src/gen/ota/v1/ota_service.js";
import { createCaller } from "../support/grpc-caller.js";
import { endPrograms } from "../support/processes.js";
import { endRedis } from "../support/redis.js";
import { type Fleet, Names, type Replica, startFleet } from "../support/replicas.js";
import { systemHas } from "../support/system.js";

const QUOTAS = { CancelOTATaskByDevice: 10, BatchQueryDeviceDetail: 5, BatchGetDeviceState: 50 };
const DEVICES = 1000;
let fleet: Fleet | undefined;

afterEach(async () => {
  for (const { network } of fleet?.replicas ?? []) network.close();
  await endPrograms();
  await endRedis();
});

/** Every fortieth name is of a device that does not exist. */
async function askFor({ gateway }: Replica, names: readonly string[], caller: string) {
  const list = names.map((name, n) => (n % 40 === 20 ? `gone-${caller}-${n}` : name));
  const asking = createCaller(gateway.grpc, { "x-ota-caller": caller });
  const { results } = await asking.cancel(list, {}, 100_000).answer;
  asking.close();
  return results;
}

describe.runIf(systemHas("redis"))("two gateways that share their quotas in Redis", () => {
  it("never read devices more often than one may, and tell apart all that do not exist", async () => {
    fleet = await startFleet(2, 100_000);
    const { emulator, replicas } = fleet;
    const names = new Names();
    const asked = replicas.flatMap((replica, r) =>
      [0, 1].map((n) => askFor(replica, names.take(DEVICES), `caller-${r}-${n}`)),
    );
    for (const { deviceName, outcome } of (await Promise.all(asked)).flat()) {
      expect(outcome).toBe(deviceName.startsWith("gone") ? Outcome.REJECTED : Outcome.ACCEPTED);
    }
    const { operations } = await emulator.stats();
    for (const [action, quota] of Object.entries(QUOTAS)) {
      expect(operations[action]?.refused["Throttling.User"]).toBeUndefined();
      expect(operations[action]?.worstSecond).toBeLessThanOrEqual(quota);
    }
    expect(operations["BatchGetDeviceState"]?.arrivals).toBeGreaterThan(50);
  });
});
