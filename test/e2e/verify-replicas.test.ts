// Replicas that read tasks back share the quota of each reading operation as they share that of cancelling, and
// reading takes none of the cancels' calls. Judged by the emulator, which shares nothing with the limiter.
import { afterEach, describe, expect, it } from "vitest";
import { DEFAULTS } from "../../src/emulator/options.js";
import { Outcome } from "../../src/gen/ota/v1/ota_service.js";
import { createCaller } from "../support/grpc-caller.js";
import { endPrograms } from "../support/processes.js";
import { endRedis } from "../support/redis.js";
import { type Fleet, Names, type Replica, startFleet } from "../support/replicas.js";
import { systemHas } from "../support/system.js";

const QUOTA = 10;
/** Requests of each asker, one after the other: more than one second of each quota. */
const REQUESTS = 5;
let fleet: Fleet | undefined;

afterEach(async () => {
  for (const { network } of fleet?.replicas ?? []) network.close();
  await endPrograms();
  await endRedis();
});

/** Asks again and again, and gives the outcomes of all devices. */
async function askFor({ gateway }: Replica, names: Names, jobId: string): Promise<Outcome[]> {
  const caller = createCaller(gateway.grpc);
  const outcomes: Outcome[] = [];
  for (let n = 0; n < REQUESTS; n++) {
    const { results } = await caller.cancel(names.take(jobId ? 200 : 5), { jobId, verify: true }, 100_000).answer;
    outcomes.push(...results.map(({ outcome }) => outcome));
  }
  caller.close();
  return outcomes;
}

describe.runIf(systemHas("redis"))("two gateways that share their quotas in Redis", () => {
  it("never read more often than one may, by either operation, and learn what they asked", async () => {
    fleet = await startFleet(2, 100_000);
    const { emulator, replicas } = fleet;
    const names = new Names();
    const ask = (jobId: string, askers: number) =>
      replicas.flatMap((replica) => Array.from({ length: askers }, () => askFor(replica, names, jobId)));
    const [ofJob, unfinished] = await Promise.all([Promise.all(ask(DEFAULTS.jobId, 4)), Promise.all(ask("", 2))]);
    expect(new Set(ofJob.flat())).toEqual(new Set([Outcome.VERIFIED_CANCELED]));
    expect(new Set(unfinished.flat())).toEqual(new Set([Outcome.NO_TASK]));
    const { operations } = await emulator.stats();
    for (const action of ["ListOTATaskByJob", "ListOTAUnfinishedTaskByDevice", "CancelOTATaskByDevice"]) {
      expect(operations[action]?.refused).toEqual({});
      expect(operations[action]?.worstSecond).toBeLessThanOrEqual(QUOTA);
    }
    expect(operations["ListOTATaskByJob"]?.arrivals).toBeGreaterThan(QUOTA);
  });
});
