// Replicas as they are deployed: real processes, a real Redis, real kills. What they sent is judged by the
// emulator, which shares nothing with the limiter.
import { afterEach, describe, expect, it } from "vitest";
import { endPrograms, until } from "../support/processes.js";
import { endRedis } from "../support/redis.js";
import { type Fleet, type Load, Names, startFleet, startLoad, toldOf } from "../support/replicas.js";
import { systemHas } from "../support/system.js";

const QUOTA = 10;
let fleet: Fleet | undefined;

afterEach(async () => {
  for (const { network } of fleet?.replicas ?? []) network.close();
  await endPrograms();
  await endRedis();
});

async function start(count: number, variables?: Record<string, string>): Promise<Fleet> {
  fleet = await startFleet(count, 100_000, variables);
  return fleet;
}

/** Resolves when so many more calls have arrived; at ten a second, so that it also takes a while. */
async function more({ emulator }: Fleet, calls: number): Promise<void> {
  const { arrivals } = await emulator.stats();
  await until(async () => (await emulator.stats()).arrivals > arrivals + calls);
}

/** No caller was refused, no second exceeded the quota, and accepted devices were canceled. */
async function expectTruth({ emulator }: Fleet, loads: readonly Load[]) {
  await Promise.all(loads.map((load) => load.stop()));
  const stats = await emulator.stats();
  const { accepted, unknown, answers } = toldOf(loads);
  expect(stats.worstSecond).toBeLessThanOrEqual(QUOTA);
  expect(stats.refused).toEqual({});
  expect(new Set(accepted).size).toBe(accepted.length);
  expect(stats.devicesCanceled).toBeGreaterThanOrEqual(accepted.length);
  expect(stats.devicesCanceled).toBeLessThanOrEqual(accepted.length + unknown.size);
  return { stats, answers };
}

describe.runIf(systemHas("redis"))("three gateways that share a quota in Redis", () => {
  it("use it together, and ask Redis a few times a call", async () => {
    const all = await start(3);
    const { redis, replicas } = all;
    const names = new Names();
    const before = evaluated(redis.command("info", "commandstats"));
    const loads = replicas.map((replica) => startLoad(replica, names, 8, 100, 20_000));
    await more(all, 50);
    const { stats } = await expectTruth(all, loads);
    expect((evaluated(redis.command("info", "commandstats")) - before) / stats.arrivals).toBeLessThanOrEqual(6);
    expect(toldOf(loads).answers).toEqual({ OK: expect.any(Number) });
  });

  it("go on when one is killed and Redis is lost, and never send more than they may", async () => {
    const all = await start(3);
    const { redis, replicas } = all;
    const names = new Names();
    const loads = replicas.map((replica) => startLoad(replica, names, 8, 100, 3000));
    await more(all, QUOTA);
    replicas[0]?.gateway.kill("SIGKILL");
    await more(all, QUOTA);
    await redis.kill();
    await untilReadyz(all, { code: 200, status: "degraded" });
    await redis.start();
    await more(all, 2 * QUOTA);
    await untilReadyz(all, { code: 200, status: "ok" });
    const { answers } = await expectTruth(all, loads);
    // The answer to a request whose call is under way when its deadline comes.
    const codes = Object.keys(answers).filter((code) => code !== "OUTCOME_UNKNOWN");
    expect(codes.toSorted()).toEqual(["OK", "UNAVAILABLE"]);
  });

  it("survive stops of five seconds, and networks that are cut, slow or swallow everything", async () => {
    const all = await start(3);
    const names = new Names();
    const loads = all.replicas.map((replica) => startLoad(replica, names, 8, 100, 20_000));
    const [first, second, third] = all.replicas;
    await more(all, 3);
    first?.gateway.kill("SIGSTOP");
    second?.network.cut();
    await more(all, 2 * QUOTA); // of the third
    second?.network.heal();
    third?.network.swallow();
    await more(all, 3 * QUOTA); // of the second
    first?.gateway.kill("SIGCONT");
    third?.network.heal();
    if (second) second.network.delayMs = 50;
    await more(all, 3 * QUOTA);
    await expectTruth(all, loads);
  });
});

describe.runIf(systemHas("redis"))("gateways that share what they hold while Redis is away", () => {
  it("go on with it, also when only one of them has lost Redis", async () => {
    const all = await start(2, { OTA_ON_STORE_LOSS: "share" });
    const names = new Names();
    const loads = all.replicas.map((replica) => startLoad(replica, names, 8, 100, 20_000));
    await more(all, QUOTA);
    all.replicas[0]?.network.cut();
    await more(all, 2 * QUOTA);
    await all.redis.kill();
    await more(all, 2 * QUOTA);
    await expectTruth(all, loads);
  });
});

/** Resolves when all that run say so. */
async function untilReadyz(all: Fleet, said: { readonly code: number; readonly status: string }): Promise<void> {
  await until(async () =>
    (await readyz(all)).every(({ code, status }) => code === said.code && status === said.status),
  );
}

async function readyz({ replicas }: Fleet) {
  const answers = await Promise.allSettled(replicas.map(({ gateway }) => fetch(`${gateway.admin}/readyz`)));
  const responses = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  return Promise.all(
    responses.map(async (response) => ({
      code: response.status,
      status: ((await response.json()) as { status: string }).status,
    })),
  );
}

/** How often the script has been run. */
function evaluated(commandStats: string): number {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(commandStats)?.[1] ?? 0);
}
