// Stopping rollouts by `StopRollout`: how fast a batch is swept that cannot be canceled as a whole,
// in relation to what the quota of reading allows; how long it takes until five batches are proved
// to be stopped; and how soon the first changing call is made for forty.

import type { Timestamp } from "../../src/gen/google/protobuf/timestamp.js";
import type { StopRolloutMetadata, StopRolloutResponse } from "../../src/gen/ota/v1/ota_service.js";
import { createOperationsCaller, stopMetadataIn, stopResponseIn } from "../../test/support/operations-caller.js";
import type { Measured } from "../goal.js";
import { NETWORK, startGateway, startUpstream, type Upstream } from "../processes.js";

interface Stop {
  readonly metadata: StopRolloutMetadata;
  readonly response: StopRolloutResponse | undefined;
  /** From the order to the end. */
  readonly tookMs: number;
  readonly counts: Awaited<ReturnType<Upstream["counts"]>>;
}

export interface StopFigures {
  readonly sweptPerSecond: number;
  readonly sweepOfIdeal: number;
  readonly fiveBatchesS: number;
  readonly fortyBatchesS: number;
  readonly firstChangeS: number;
}

const PAGE = 100;
const PAGES_PER_SECOND = 10;

export async function stop(isShort: boolean): Promise<Measured<StopFigures>> {
  const devices = isShort ? 5000 : 20_000;
  const swept = await stopOf([{ kind: "verify", devices }], "--verify-job", "reject");
  const { spanMs, meanAnswerMs, worstSecond } = swept.counts;
  // The last page is found when the others have been read.
  const sweptPerSecond = (devices - PAGE) / (spanMs / 1000);
  const idealMs = ((devices / PAGE - 1) * (1000 + meanAnswerMs)) / PAGES_PER_SECOND;
  const five = await stopOf(Array(5).fill({ devices: 60_000, states: { NOTIFIED: 6000 } }));
  const forty = await stopOf(Array(isShort ? 20 : 40).fill({ devices: 25_000 }));
  const sentMs = forty.metadata.jobs.flatMap(({ calls }) => calls.map(({ sentTime }) => epochMs(sentTime)));
  const firstChangeS = (Math.min(...sentMs) - epochMs(forty.metadata.createTime)) / 1000;
  const batches = forty.metadata.jobs.length;
  const callsOf = ({ counts }: Stop) => counts.operations["CancelOTATaskByJob"];
  const isStopped = [swept, five, forty].every(({ response }) => response?.stopped === true);
  const [fiveBatchesS, fortyBatchesS] = [five.tookMs / 1000, forty.tookMs / 1000];
  const sweepOfIdeal = spanMs / idealMs;
  return {
    goals: [
      { name: `sweep ${devices} devices: devices a second`, value: sweptPerSecond, least: 800 },
      { name: "sweep: first to last call, of the ideal by the quota of reading", value: sweepOfIdeal, most: 1.1 },
      { name: "sweep: most calls in a second", value: worstSecond, most: 10 },
      { name: "five batches of 60000: s until they are proved to be stopped", value: fiveBatchesS, most: 15 },
      { name: "five batches: calls on whole batches", value: callsOf(five)?.arrivals ?? 0, most: 5 },
      { name: `${batches} batches of 25000: s until the first changing call`, value: firstChangeS, most: 6 },
      { name: `${batches} batches: s until they are proved to be stopped`, value: fortyBatchesS },
      { name: `${batches} batches: calls on whole batches`, value: callsOf(forty)?.arrivals ?? 0, most: batches },
      { name: `${batches} batches: most such calls in a second`, value: callsOf(forty)?.worstSecond ?? 0, most: 5 },
      { name: "stops that are proved", value: isStopped ? 3 : 0, least: 3 },
    ],
    figures: { sweptPerSecond, sweepOfIdeal, fiveBatchesS, fortyBatchesS, firstChangeS },
  };
}

async function stopOf(rollouts: readonly object[], ...flags: readonly string[]): Promise<Stop> {
  const created = rollouts.flatMap((rollout) => ["--rollout", JSON.stringify(rollout)]);
  const upstream = await startUpstream(...NETWORK, ...flags, ...created);
  const gateway = await startGateway(upstream);
  const caller = createOperationsCaller(gateway.grpc);
  const startMs = performance.now();
  let operation = await caller.stopRollout();
  while (!operation.done) operation = await caller.wait(operation.name);
  const tookMs = performance.now() - startMs;
  const counts = await upstream.counts();
  caller.close();
  await gateway.stop();
  upstream.stop();
  return { metadata: stopMetadataIn(operation), response: stopResponseIn(operation), tookMs, counts };
}

function epochMs(time: Timestamp | undefined): number {
  return time ? Number(time.seconds) * 1000 + time.nanos / 1e6 : Number.NaN;
}
