// Replicas that share a quota in Redis: three against one process on its own, turn about; and eight, of which one has
// a heap of bulk work, and another one device at a time.
import { type Client, connect } from "../src/client/client.js";
import { endRedis, startRedis } from "../test/support/redis.js";
import type { Goal } from "./goal.js";
import { median, quantile } from "./median.js";
import { type GatewayProcess, startGateway, startUpstream } from "./processes.js";

const ROUNDS = 3;
const CALLS = 80;
const DEVICES_PER_REQUEST = 100;
const SINGLES = 60;
const QUOTA = 10;
const REQUEST = { productKey: "a1Bench", firmwareId: "Bench030100" };

export async function replicas(): Promise<Goal[]> {
  const redis = await startRedis();
  const rates: Record<"one" | "three", number[]> = { one: [], three: [] };
  const perCall: number[] = [];
  const worst: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, count] of [
      ["one", 1],
      ["three", 3],
    ] as const) {
      const upstream = await startUpstream(20, 20);
      const shared = { OTA_REDIS_URL: redis.url, OTA_UPSTREAM_TIMEOUT_MS: "2000" };
      const gateways = await Promise.all(
        Array.from({ length: count }, () => startGateway(upstream, count > 1 ? shared : {})),
      );
      const before = evaluated(redis.command("info", "commandstats"));
      await cancelAll(gateways);
      const counts = await upstream.counts();
      rates[name].push((counts.calls - 1) / counts.spanMs);
      worst.push(counts.worstSecond);
      if (count > 1) perCall.push((evaluated(redis.command("info", "commandstats")) - before) / counts.calls);
      await Promise.all(gateways.map((gateway) => gateway.stop()));
      upstream.stop();
      redis.command("flushall");
    }
  }
  const waits = await besideBulk(redis.url);
  await endRedis();
  return [
    { name: "three replicas: rate, of one process", value: median(rates.three) / median(rates.one), least: 0.95 },
    { name: "three replicas: Redis commands for a call", value: median(perCall), most: 6 },
    { name: "replicas: most arrivals in a second", value: Math.max(...worst, waits.worstSecond), most: QUOTA },
    { name: "eight replicas, beside bulk: ms, median", value: median(waits.ms), most: 250 },
    { name: "eight replicas, beside bulk: ms, 95th percentile", value: quantile(waits.ms, 0.95), most: 350 },
  ];
}

/** Requests that fill CALLS calls, spread over the gateways. */
async function cancelAll(gateways: readonly GatewayProcess[]): Promise<void> {
  const clients = gateways.map(({ grpc }) => connect(grpc));
  await Promise.all(
    Array.from({ length: CALLS * 2 }, (_, n) => {
      const deviceNames = Array.from({ length: DEVICES_PER_REQUEST }, (_, m) => `dev-${n * DEVICES_PER_REQUEST + m}`);
      return (clients[n % clients.length] as Client).cancelTasksByDevice({ ...REQUEST, deviceNames });
    }),
  );
  for (const client of clients) client.close();
}

async function besideBulk(redisUrl: string): Promise<{ ms: number[]; worstSecond: number }> {
  const upstream = await startUpstream(20, 20);
  const shared = { OTA_REDIS_URL: redisUrl, OTA_UPSTREAM_TIMEOUT_MS: "2000" };
  const gateways = await Promise.all(Array.from({ length: 8 }, () => startGateway(upstream, shared)));
  const [bulk, small] = gateways.map(({ grpc }, n) => connect(grpc, { caller: `caller-${n}` })) as [Client, Client];
  for (let n = 0; n < 10; n++) {
    const deviceNames = Array.from({ length: 10_000 }, (_, m) => `bulk-${n * 10_000 + m}`);
    bulk.cancelTasksByDevice({ ...REQUEST, deviceNames, priority: "bulk" }).catch(() => {}); // ended below
  }
  const ms: number[] = [];
  for (let n = 0; n < SINGLES; n++) {
    await new Promise((resolve) => setTimeout(resolve, 37 + Math.random() * 200));
    const startMs = performance.now();
    await small.cancelTasksByDevice({ ...REQUEST, deviceNames: [`small-${n}`] });
    ms.push(performance.now() - startMs);
  }
  const { worstSecond } = await upstream.counts();
  for (const { pid } of gateways) process.kill(pid, "SIGKILL"); // what waits would take minutes
  upstream.stop();
  return { ms, worstSecond };
}

function evaluated(commandStats: string): number {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(commandStats)?.[1] ?? 0);
}
