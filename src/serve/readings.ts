// Opens the operations of an account that read tasks or devices. Each has a quota of its own at the
// upstream, and so a ledger of its own.
import type { Clock } from "../base/clock.js";
import type { Log } from "../base/log.js";
import type { DeviceReader } from "../gateway/device-reader.js";
import type { DeviceReadings } from "../gateway/existence/device-reads.js";
import type { Limiter } from "../gateway/limiter.js";
import type { TaskReader } from "../gateway/task-reader.js";
import { ReadFeed } from "../observe/admin/read-feed.js";
import type { ReadingSnapshot } from "../observe/admin/snapshot.js";
import type { Metrics } from "../observe/telemetry/metrics.js";
import type { UpstreamOperation } from "../observe/telemetry/spans.js";
import type { UpstreamClient } from "../upstream/client.js";
import { ReadLoop } from "../verification/read-loop.js";
import { Verification } from "../verification/verification.js";

/** Documented for each of the two operations that read tasks, */
const READS_PER_SECOND = 10;
/** and for those that read devices. */
const DETAILS_PER_SECOND = 5;
const STATES_PER_SECOND = 50;

export interface ReadingsOptions {
  readonly account: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly upstream: UpstreamClient;
  readonly metrics: Metrics;
  /** See Verification. */
  readonly mostWithoutJob: number;
  readonly ledgerOf: (operation: UpstreamOperation, callsPerSecond: number) => Promise<Limiter>;
}

export interface Readings {
  readonly verifier: Verification;
  readonly deviceReadings: DeviceReadings;
  /** For the page. */
  snapshots(): readonly ReadingSnapshot[];
}

export async function openReadings(options: ReadingsOptions): Promise<Readings> {
  const { account, clock, log, upstream, metrics, mostWithoutJob, ledgerOf } = options;
  const shown: { readonly operation: UpstreamOperation; readonly limiter: Limiter; readonly feed: ReadFeed }[] = [];
  const open = async (operation: UpstreamOperation, callsPerSecond: number) => {
    const limiter = await ledgerOf(operation, callsPerSecond);
    const feed = new ReadFeed();
    shown.push({ operation, limiter, feed });
    return { operation, limiter, observers: [metrics.reads(account, operation), feed] };
  };
  const loopOf = async (operation: UpstreamOperation, reader: TaskReader) =>
    new ReadLoop({ ...(await open(operation, READS_PER_SECOND)), account, clock, log, reader });
  const readingOf = async (operation: UpstreamOperation, reader: DeviceReader, callsPerSecond: number) => ({
    ...(await open(operation, callsPerSecond)),
    reader,
  });
  return {
    verifier: new Verification({
      clock,
      tasksOfJob: await loopOf("ListOTATaskByJob", upstream.tasksOfJob),
      unfinishedTasks: await loopOf("ListOTAUnfinishedTaskByDevice", upstream.unfinishedTasks),
      mostWithoutJob,
    }),
    deviceReadings: {
      details: await readingOf("BatchQueryDeviceDetail", upstream.deviceDetails, DETAILS_PER_SECOND),
      states: await readingOf("BatchGetDeviceState", upstream.deviceStates, STATES_PER_SECOND),
    },
    snapshots: () =>
      shown.map(({ operation, limiter, feed }) => feed.snapshot(operation, limiter.state(), clock.now())),
  };
}
