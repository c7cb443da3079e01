// Opens the operations of an account that read tasks or devices. Each has a quota of its own at the
// upstream, and so a ledger of its own.
import type { Clock } from "../base/clock.js";
import type { Log } from "../base/log.js";
import type { QuotaOperation } from "../config/upstream-quotas.js";
import type { CallObserver } from "../gateway/call-observer.js";
import type { DeviceReader } from "../gateway/device-reader.js";
import type { DeviceReadings } from "../gateway/existence/device-reads.js";
import type { Limiter } from "../gateway/limiter.js";
import { ReadFeed } from "../observe/admin/read-feed.js";
import type { ReadingSnapshot } from "../observe/admin/snapshot.js";
import type { Metrics } from "../observe/telemetry/metrics.js";
import type { UpstreamOperation } from "../tracing/spans.js";
import type { UpstreamClient } from "../upstream/client.js";
import { ReadLoop } from "../verification/read-loop.js";
import { Verification } from "../verification/verification.js";

export interface ReadingsOptions {
  readonly account: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly upstream: UpstreamClient;
  readonly metrics: Metrics;
  /** See Verification. */
  readonly mostWithoutJob: number;
  readonly ledgerOf: (operation: QuotaOperation) => Promise<Limiter>;
}

export interface Readings {
  readonly verifier: Verification;
  readonly deviceReadings: DeviceReadings;
  /** ListOTATaskByJob, for those that read more of it. */
  readonly tasksOfJob: { readonly limiter: Limiter; readonly observers: readonly CallObserver[] };
  /** For the page. */
  snapshots(): readonly ReadingSnapshot[];
}

export async function openReadings(options: ReadingsOptions): Promise<Readings> {
  const { account, clock, log, upstream, metrics, mostWithoutJob, ledgerOf } = options;
  const shown: { readonly operation: UpstreamOperation; readonly limiter: Limiter; readonly feed: ReadFeed }[] = [];
  const open = async (operation: QuotaOperation) => {
    const limiter = await ledgerOf(operation);
    const feed = new ReadFeed();
    shown.push({ operation, limiter, feed });
    return { operation, limiter, observers: [metrics.reads(account, operation), feed] };
  };
  const readingOf = async (operation: QuotaOperation, reader: DeviceReader) => ({ ...(await open(operation)), reader });
  const tasksOfJob = await open("ListOTATaskByJob");
  const unfinishedTasks = await open("ListOTAUnfinishedTaskByDevice");
  const about = { account, clock, log };
  return {
    verifier: new Verification({
      clock,
      tasksOfJob: new ReadLoop({ ...tasksOfJob, ...about, reader: upstream.tasksOfJob }),
      unfinishedTasks: new ReadLoop({ ...unfinishedTasks, ...about, reader: upstream.unfinishedTasks }),
      mostWithoutJob,
    }),
    deviceReadings: {
      details: await readingOf("BatchQueryDeviceDetail", upstream.deviceDetails),
      states: await readingOf("BatchGetDeviceState", upstream.deviceStates),
    },
    tasksOfJob,
    snapshots: () =>
      shown.map(({ operation, limiter, feed }) => feed.snapshot(operation, limiter.state(), clock.now())),
  };
}
