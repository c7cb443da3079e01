// A store that takes 200 ms for each commit: whether calls or other callers wait for it. Beside it,
// at the same time, a gateway with the same devices in a stream.
import { systemClock } from "../../src/base/clock.js";
import { openPostgresStore } from "../../src/operations/postgres/postgres-store.js";
import type { Leased } from "../../src/operations/store.js";
import type { PostgresServer } from "../../test/support/postgres.js";
import { leaseQuery, NO_PROGRESS, submit } from "../../test/support/stored-operation.js";
import { startTcpProxy } from "../../test/support/tcp-proxy.js";
import type { Goal } from "../goal.js";
import { median, quantile } from "../median.js";
import { NETWORK, startGateway, startUpstream, TAKES_ALL } from "../processes.js";
import { streamList, submitList } from "./lists.js";
import { singles } from "./singles.js";

/** Of each packet, either way: recording outcomes takes two round trips. */
const DELAY_MS = 50;
const BOUNDS = { operationsPerCaller: 20, devices: 1_000_000, retentionMs: 3_600_000 };

export async function slowCommits(
  postgres: PostgresServer,
  { devices, requests }: { readonly devices: number; readonly requests: number },
): Promise<Goal[]> {
  const proxy = await startTcpProxy(postgres.port);
  const address = (await postgres.database("slow")).replace(`:${postgres.port}/`, `:${proxy.port}/`);
  const run = async (state: string, work: (grpc: string) => Promise<unknown>) => {
    const upstream = await startUpstream(...NETWORK, ...TAKES_ALL);
    const gateway = await startGateway(upstream, { OTA_STATE: state });
    proxy.delayMs = DELAY_MS;
    void work(gateway.grpc).catch(() => {}); // ended below, before it is done
    while ((await upstream.counts()).succeeded < 10) await new Promise((resolve) => setTimeout(resolve, 50));
    const waitsMs = await singles(gateway.grpc, (waits) => waits < requests);
    const { succeeded, spanMs, meanAnswerMs } = await upstream.counts();
    await gateway.stop();
    upstream.stop();
    return { waitsMs, rate: spanMs / (((succeeded - 1) * (1000 + meanAnswerMs)) / 10) };
  };
  const [slow, plain] = await Promise.all([
    run(address, (grpc) => submitList(grpc, devices)),
    run("", (grpc) => streamList(grpc, devices)),
  ]);
  const commitMs = await commitTime(address);
  proxy.close();
  const p95 = ({ waitsMs }: { readonly waitsMs: readonly number[] }) => quantile(waitsMs, 0.95);
  return [
    { name: "slow store: ms for a commit", value: commitMs, least: 200 },
    { name: "slow store: first to last arrival, of a stream's", value: slow.rate / plain.rate, most: 1.03 },
    { name: "the stream's: first to last arrival, of the ideal", value: plain.rate },
    { name: "single devices beside a stream: ms, median", value: median(plain.waitsMs) },
    { name: "single devices beside a stream: ms, 95th percentile", value: p95(plain) },
    { name: "single devices beside an operation in a slow store: ms, median", value: median(slow.waitsMs) },
    {
      name: "the same, 95th percentile, of that beside a stream",
      value: p95(slow) / p95(plain),
      most: 1.2,
    },
  ];
}

async function commitTime(address: string): Promise<number> {
  const store = await openPostgresStore({ address, bounds: BOUNDS, clock: systemClock });
  const { id } = await submit(store, 1);
  const leased = await store.lease(leaseQuery("bench"));
  const own = leased.find(({ lease }) => lease.id === id) as Leased;
  const startMs = performance.now();
  await store.record(own.lease, [], NO_PROGRESS);
  const tookMs = performance.now() - startMs;
  await store.close();
  return tookMs;
}
