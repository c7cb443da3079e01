// Replicas far from the Redis that holds their quota: two with work for many calls and a third that
// is idle, with Redis 0 to 200 ms away, there and back. How much of the quota they get; then how
// long an urgent device waits on the idle one, and what such devices cost the two.
import { setTimeout as sleep } from "node:timers/promises";
import { Priority } from "../../src/gen/ota/v1/ota_service.js";
import { provide } from "../../test/support/debian.js";
import type { Caller } from "../../test/support/grpc-caller.js";
import { type RedisServer, startRedis } from "../../test/support/redis.js";
import { startTcpProxy } from "../../test/support/tcp-proxy.js";
import { callerOf } from "../crowd.js";
import type { Goal, Measured } from "../goal.js";
import { median, quantile } from "../median.js";
import { CALLS_PER_SECOND } from "../peers/peer.js";
import { NETWORK, startGateway, startUpstream, TAKES_ALL, type Upstream } from "../processes.js";

/** The time to Redis and back. */
const AWAY_MS = [0, 10, 50, 100, 200];

/** How long each of both is measured; the two replicas have more work than that. */
const BUSY_MS = 20_000;
const BUSY_MS_SHORT = 10_000;

/** Before anything is measured: the queues fill, and the first calls are answered. */
const SETTLED_MS = 3000;
const REQUEST_DEVICES = 10_000;
const REQUESTS = 8;
/** Longer than the run, so that admission refuses nothing. */
const DEADLINE_MS = 600_000;
const REQUEST = { productKey: "a1Bench", firmwareId: "Bench030100" };

/** The bounds by distance, up to so many ms; nothing is promised beyond. */
const BOUNDS = [
  { awayMs: 50, least: 0.95, urgentMs: 400 },
  { awayMs: 100, least: 0.9, urgentMs: 500 },
];
const SHARED = { OTA_UPSTREAM_TIMEOUT_MS: "2000" };

interface Distance {
  readonly awayMs: number;
  /** Of the devices that the quota allows in that time. */
  readonly shareOfQuota: number;
  readonly ofOneProcess: number;
  /** The share while the third has an urgent device twice a second. */
  readonly shareBesideUrgent: number;
  readonly worstSecond: number;
  readonly refused: number;
  readonly urgentMedianMs: number;
  readonly urgentP95Ms: number;
}

export interface DistantRedisFigures {
  /** One process with its ledger in its memory. */
  readonly aloneShareOfQuota: number;
  readonly distances: readonly Distance[];
}

export async function distantRedis(isShort: boolean): Promise<Measured<DistantRedisFigures>> {
  if (!provide("redis")) return { goals: [], figures: { aloneShareOfQuota: 0, distances: [] } };
  const busyMs = isShort ? BUSY_MS_SHORT : BUSY_MS;
  const aloneShareOfQuota = await alone(busyMs);
  const redis = await startRedis();
  const distances: Distance[] = [];
  for (const awayMs of isShort ? [0, 100] : AWAY_MS) {
    const run = await withRedisAt(awayMs, redis, busyMs);
    distances.push({ ...run, ofOneProcess: run.shareOfQuota / aloneShareOfQuota });
    redis.command("flushall");
  }
  await redis.kill();
  return { goals: distances.flatMap(goalsOf), figures: { aloneShareOfQuota, distances } };
}

function goalsOf(run: Distance): Goal[] {
  const name = `Redis ${run.awayMs} ms away`;
  const bounds = BOUNDS.find(({ awayMs }) => run.awayMs <= awayMs);
  const [least, most] = bounds ? [{ least: bounds.least }, { most: bounds.urgentMs }] : [{}, {}];
  return [
    { name: `${name}: share of the quota`, value: run.shareOfQuota },
    { name: `${name}: the same, beside urgent devices on an idle replica`, value: run.shareBesideUrgent },
    { name: `${name}: calls a second, of one process`, value: run.ofOneProcess, ...least },
    { name: `${name}: most arrivals in a second`, value: run.worstSecond, most: CALLS_PER_SECOND },
    { name: `${name}: calls refused`, value: run.refused, most: 0 },
    { name: `${name}: ms that an urgent device on an idle replica waits, median`, value: run.urgentMedianMs },
    { name: `${name}: the same, 95th percentile`, value: run.urgentP95Ms, ...most },
  ];
}

async function alone(busyMs: number): Promise<number> {
  const upstream = await startUpstream(...NETWORK, ...TAKES_ALL);
  const gateway = await startGateway(upstream);
  const busy = callerOf(gateway, "busy");
  keepBusy(busy);
  await sleep(SETTLED_MS);
  const share = await shareWithin(upstream, busyMs);
  busy.close();
  await gateway.stop();
  upstream.stop();
  return share;
}

async function withRedisAt(
  awayMs: number,
  redis: RedisServer,
  busyMs: number,
): Promise<Omit<Distance, "ofOneProcess">> {
  const upstream = await startUpstream(...NETWORK, ...TAKES_ALL);
  const proxies = await Promise.all(Array.from({ length: 3 }, () => startTcpProxy(redis.port)));
  for (const proxy of proxies) proxy.delayMs = awayMs / 2;
  const gateways = await Promise.all(
    proxies.map(({ port }) => startGateway(upstream, { ...SHARED, OTA_REDIS_URL: `redis://127.0.0.1:${port}` })),
  );
  const callers = gateways.map((gateway, n) => callerOf(gateway, `caller-${n}`));
  const [first, second, idle] = callers as [Caller, Caller, Caller];
  keepBusy(first);
  keepBusy(second);
  await sleep(SETTLED_MS);
  const shareOfQuota = await shareWithin(upstream, busyMs);
  const over = new AbortController();
  const urgent = urgentWaits(idle, over.signal);
  const shareBesideUrgent = await shareWithin(upstream, busyMs);
  over.abort();
  const waits = await urgent;
  const { worstSecond, refused } = await upstream.counts();
  for (const caller of callers) caller.close();
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  for (const proxy of proxies) proxy.close();
  upstream.stop();
  return {
    awayMs,
    shareOfQuota,
    shareBesideUrgent,
    worstSecond,
    refused: Object.values(refused).reduce((sum, each) => sum + each, 0),
    urgentMedianMs: median(waits),
    urgentP95Ms: quantile(waits, 0.95),
  };
}

/** Many full calls of bulk work, which nobody waits for. */
function keepBusy(caller: Caller): void {
  for (let n = 0; n < REQUESTS; n++) {
    const deviceNames = Array.from({ length: REQUEST_DEVICES }, (_, m) => `busy-${n * REQUEST_DEVICES + m}`);
    caller.cancel(deviceNames, { ...REQUEST, priority: Priority.BULK }, DEADLINE_MS);
  }
}

/** The share of the quota. Calls for urgent devices count as full. */
async function shareWithin(upstream: Upstream, forMs: number): Promise<number> {
  const startMs = performance.now();
  const before = await upstream.counts();
  await sleep(forMs);
  const after = await upstream.counts();
  const seconds = (performance.now() - startMs) / 1000;
  return (after.succeeded - before.succeeded) / seconds / CALLS_PER_SECOND;
}

async function urgentWaits(caller: Caller, over: AbortSignal): Promise<number[]> {
  const waits: number[] = [];
  for (let n = 0; !over.aborted; n++) {
    await sleep(137 + Math.random() * 500);
    const startMs = performance.now();
    await caller.cancel([`urgent-${n}`], { ...REQUEST, productKey: "a1Other", priority: Priority.URGENT }).answer;
    waits.push(performance.now() - startMs);
  }
  return waits;
}
