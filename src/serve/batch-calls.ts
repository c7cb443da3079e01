// Opens the operations of an account on whole update batches.
import type { Clock } from "../base/clock.js";
import type { Log } from "../base/log.js";
import type { CallObserver } from "../gateway/call-observer.js";
import type { Limiter } from "../gateway/limiter.js";
import { ReadFeed } from "../observe/admin/read-feed.js";
import type { ReadingSnapshot } from "../observe/admin/snapshot.js";
import type { Metrics } from "../observe/telemetry/metrics.js";
import { JobCalls } from "../rollout/job-calls.js";
import { JOB_OPERATIONS, type JobOperation } from "../rollout/job-operator.js";
import type { UpstreamClient } from "../upstream/client.js";

export interface BatchCallsOptions {
  readonly account: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly upstream: UpstreamClient;
  readonly metrics: Metrics;
  /** ListOTATaskByJob, which also reads tasks back. Opened and closed by others. */
  readonly tasksOfJob: { readonly limiter: Limiter; readonly observers: readonly CallObserver[] };
  readonly ledgerOf: (operation: JobOperation) => Promise<Limiter>;
}

export interface BatchCalls {
  readonly calls: JobCalls;
  /** For the page. */
  snapshots(): readonly ReadingSnapshot[];
  /** Waits for the calls in flight. */
  close(): Promise<void>;
}

export async function openBatchCalls(options: BatchCallsOptions): Promise<BatchCalls> {
  const { account, clock, log, upstream, metrics, tasksOfJob, ledgerOf } = options;
  const own = await Promise.all(
    JOB_OPERATIONS.filter((operation) => operation !== "ListOTATaskByJob").map(async (operation) => {
      const isRead = !operation.startsWith("Cancel");
      const counts = isRead ? metrics.reads(account, operation) : metrics.jobCalls(account, operation);
      return { operation, limiter: await ledgerOf(operation), counts, feed: new ReadFeed() };
    }),
  );
  const opened = new Map<JobOperation, BatchCallsOptions["tasksOfJob"]>([["ListOTATaskByJob", tasksOfJob]]);
  for (const { operation, limiter, counts, feed } of own) opened.set(operation, { limiter, observers: [counts, feed] });
  const ledgers = [...opened].map(([operation, { limiter }]) => [operation, limiter] as const);
  const calls = new JobCalls({
    ...{ account, clock, log, operator: upstream.jobs },
    limiters: Object.fromEntries(ledgers) as Record<JobOperation, Limiter>,
    observersOf: (operation) => opened.get(operation)?.observers ?? [],
  });
  return {
    calls,
    snapshots: () => own.map(({ operation, limiter, feed }) => feed.snapshot(operation, limiter.state(), clock.now())),
    async close() {
      await calls.close();
      await Promise.all(own.map(({ limiter }) => limiter.close()));
    },
  };
}
