// Two replicas that share PostgreSQL and Redis. The one that runs the operation is killed, and
// PostgreSQL is away for four seconds: when the other has completed it, and how plain cancels fare.

import type { PostgresServer } from "../../test/support/postgres.js";
import { endRedis, startRedis } from "../../test/support/redis.js";
import type { Goal } from "../goal.js";
import { median, quantile } from "../median.js";
import { NETWORK, startGateway, startUpstream, TAKES_ALL } from "../processes.js";
import { devicesWaiting, ended, submitList } from "./lists.js";
import { singles } from "./singles.js";

const AWAY_MS = 4000;
const DEVICES_PER_CALL = 200;
const DEVICES_PER_SECOND = 10 * DEVICES_PER_CALL;

export async function takeover(postgres: PostgresServer, devices: number): Promise<Goal[]> {
  const redis = await startRedis();
  const upstream = await startUpstream(...NETWORK, ...TAKES_ALL);
  const shared = { OTA_STATE: await postgres.database("takeover"), OTA_REDIS_URL: redis.url };
  const first = await startGateway(upstream, shared);
  const second = await startGateway(upstream, shared);
  const name = await submitList(first.grpc, devices);
  while ((await upstream.counts()).succeeded < devices / DEVICES_PER_CALL / 4) await pause(50);

  const startMs = performance.now();
  await first.stop(); // by SIGKILL
  await postgres.kill();
  let isDone = false;
  const waits = singles(second.grpc, () => !isDone);
  await pause(AWAY_MS);
  await postgres.start();
  const left = await devicesWaiting(second.grpc, name);
  while ((await devicesWaiting(second.grpc, name)) === left) await pause(100);
  const goesOnMs = performance.now() - startMs;
  await ended(second.grpc, name);
  isDone = true;
  const tookMs = performance.now() - startMs;
  const waitsMs = await waits;
  await second.stop();
  await endRedis();
  upstream.stop();
  const workMs = (left * 1000) / DEVICES_PER_SECOND;
  return [
    {
      name: "the runner is killed, and PostgreSQL away for 4 s: seconds until the first new outcomes",
      value: goesOnMs / 1000,
    },
    {
      name: "the same: seconds until it is complete, beyond those for what was left",
      value: (tookMs - workMs) / 1000,
      most: 20,
    },
    { name: "the same: single devices canceled meanwhile", value: waitsMs.length, least: 50 },
    { name: "the same: their wait in ms, median", value: median(waitsMs) },
    { name: "the same: their wait in ms, 95th percentile", value: quantile(waitsMs, 0.95), most: 500 },
  ];
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
