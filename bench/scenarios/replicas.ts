// Replicas that share a quota in Redis: 1, 2, 4 and 8 of them, compared with services that share a
// limiter in the same way. Then eight replicas, one with a large amount of bulk work, another with
// one device at a time.
import { Priority } from "../../src/gen/ota/v1/ota_service.js";
import { provide } from "../../test/support/debian.js";
import type { Caller } from "../../test/support/grpc-caller.js";
import { type RedisServer, startRedis } from "../../test/support/redis.js";
import { callerOf } from "../crowd.js";
import type { Measured } from "../goal.js";
import { median, quantile } from "../median.js";
import { factsOf, PEER_NAMES, type PeerName } from "../peers/peers.js";
import { NETWORK, runServices, type ServerProcess, startGateway, startUpstream, TAKES_ALL } from "../processes.js";
import { US } from "../rollout-run.js";

const COUNTS = [1, 2, 4, 8];
const CALLS = 80;
const PEER_DEVICES = 40;
const DEVICES_PER_REQUEST = 100;
const SINGLES = 60;
const QUOTA = 10;
const REQUEST = { productKey: "a1Bench", firmwareId: "Bench030100" };
const UPSTREAM = [...NETWORK, ...TAKES_ALL];

interface Shared {
  readonly who: string;
  readonly replicas: number;
  /** Calls answered with Success, from the first arrival to the last. */
  readonly callsPerSecond: number;
  readonly worstSecond: number;
  readonly refused: number;
}

export interface ReplicasFigures {
  readonly shared: readonly Shared[];
}

export async function replicas(): Promise<Measured<ReplicasFigures>> {
  if (!provide("redis")) return { goals: [], figures: { shared: [] } };
  const redis = await startRedis();
  const ours: (Shared & { readonly commandsPerCall: number })[] = [];
  const theirs: Shared[] = [];
  // Only peers with one device in each call, because the others cannot be compared.
  const peers = PEER_NAMES.filter((name) => factsOf(name).canShare && !factsOf(name).fillsCalls);
  for (const count of COUNTS) {
    ours.push(await ourReplicas(count, redis));
    redis.command("flushall");
    theirs.push(...(await Promise.all(peers.map((peer) => services(peer, count, redis)))));
    redis.command("flushall");
  }
  const waits = await besideBulk(redis);
  await redis.kill();
  const [alone, ...several] = ours;
  const worst = Math.max(...ours.map(({ worstSecond }) => worstSecond), waits.worstSecond);
  return {
    goals: [
      ...several.map(({ replicas: n, callsPerSecond }) => ({
        name: `${n} replicas: rate, of one`,
        value: callsPerSecond / (alone?.callsPerSecond ?? Number.NaN),
        least: 0.95,
      })),
      ...ours.map((run) => ({
        name: `${run.replicas} replicas: Redis commands for a call`,
        value: run.commandsPerCall,
        most: 2 * run.replicas + 4,
      })),
      { name: "replicas: most arrivals in a second", value: worst, most: QUOTA },
      { name: "eight replicas, beside bulk: ms, median", value: median(waits.ms), most: 260 },
      { name: "eight replicas, beside bulk: ms, 95th percentile", value: quantile(waits.ms, 0.95), most: 380 },
      ...theirs.map(({ who, replicas: n, worstSecond }) => ({
        name: `${n} processes, ${who}: most arrivals in a second`,
        value: worstSecond,
      })),
    ],
    figures: { shared: [...ours.map(({ commandsPerCall: _, ...run }) => run), ...theirs] },
  };
}

async function ourReplicas(count: number, redis: RedisServer): Promise<Shared & { readonly commandsPerCall: number }> {
  const upstream = await startUpstream(...UPSTREAM);
  const gateways = await startReplicas(count, upstream, redis);
  const before = evaluated(redis.command("info", "commandstats"));
  await cancelAll(gateways);
  const { succeeded, spanMs, worstSecond, refused } = await upstream.counts();
  const commandsPerCall = (evaluated(redis.command("info", "commandstats")) - before) / succeeded;
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  upstream.stop();
  const callsPerSecond = ((succeeded - 1) * 1000) / spanMs;
  return { who: US, replicas: count, callsPerSecond, worstSecond, refused: sum(refused), commandsPerCall };
}

/** Gives each service its part of the devices. */
async function services(peer: PeerName, count: number, redis: RedisServer): Promise<Shared> {
  const upstream = await startUpstream(...UPSTREAM);
  const task = { peer, url: upstream.url.origin, redisUrl: redis.url, isShared: true, callers: 1, withinMs: 15_000 };
  const own = PEER_DEVICES / count;
  await runServices(
    Array.from({ length: count }, (_, nth) => ({
      ...task,
      indexes: Array.from({ length: own }, (_, n) => nth * own + n),
    })),
  );
  const { succeeded, spanMs, worstSecond, refused } = await upstream.counts();
  upstream.stop();
  const callsPerSecond = ((succeeded - 1) * 1000) / spanMs;
  return { who: factsOf(peer).title, replicas: count, callsPerSecond, worstSecond, refused: sum(refused) };
}

function startReplicas(count: number, upstream: Parameters<typeof startGateway>[0], { url }: RedisServer) {
  const shared = { OTA_REDIS_URL: url, OTA_UPSTREAM_TIMEOUT_MS: "2000" };
  return Promise.all(Array.from({ length: count }, () => startGateway(upstream, shared)));
}

function sum(refused: Readonly<Record<string, number>>): number {
  return Object.values(refused).reduce((all, each) => all + each, 0);
}

/** Sends requests that fill CALLS calls, spread over the gateways. */
async function cancelAll(gateways: readonly ServerProcess[]): Promise<void> {
  const clients = gateways.map((gateway) => callerOf(gateway, "service"));
  await Promise.all(
    Array.from({ length: CALLS * 2 }, (_, n) => {
      const deviceNames = Array.from({ length: DEVICES_PER_REQUEST }, (_, m) => `dev-${n * DEVICES_PER_REQUEST + m}`);
      return (clients[n % clients.length] as Caller).cancel(deviceNames, REQUEST).answer;
    }),
  );
  for (const client of clients) client.close();
}

async function besideBulk(redis: RedisServer): Promise<{ ms: number[]; worstSecond: number }> {
  const upstream = await startUpstream(...UPSTREAM);
  const gateways = await startReplicas(8, upstream, redis);
  const [bulk, small] = gateways.map((gateway, n) => callerOf(gateway, `caller-${n}`)) as [Caller, Caller];
  for (let n = 0; n < 10; n++) {
    const deviceNames = Array.from({ length: 10_000 }, (_, m) => `bulk-${n * 10_000 + m}`);
    bulk.cancel(deviceNames, { ...REQUEST, priority: Priority.BULK }); // ended below
  }
  const ms: number[] = [];
  for (let n = 0; n < SINGLES; n++) {
    await new Promise((resolve) => setTimeout(resolve, 37 + Math.random() * 200));
    const startMs = performance.now();
    await small.cancel([`small-${n}`], REQUEST).answer;
    ms.push(performance.now() - startMs);
  }
  const { worstSecond } = await upstream.counts();
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  upstream.stop();
  return { ms, worstSecond };
}

function evaluated(commandStats: string): number {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(commandStats)?.[1] ?? 0);
}
