// Stopping a rollout: 50 callers cancel all its devices, one device in each request. Measures the
// distance from the ideal, the arrivals in the worst second, and the wait of a caller with one
// device that arrives when all have begun.
import type { Stats } from "../../src/emulator/server.js";
import { SEEDED_NAME_LENGTH, seededName } from "../../src/emulator/state/seeded-name.js";
import { provide } from "../../test/support/debian.js";
import { type RedisServer, startRedis } from "../../test/support/redis.js";
import { cancelEach } from "../crowd.js";
import type { Goal, Measured } from "../goal.js";
import { CALLS_PER_SECOND, DEVICES_PER_CALL } from "../peers/peer.js";
import { factsOf, PEER_NAMES, type PeerName } from "../peers/peers.js";
import { NETWORK, runServices, startGateway, startUpstream } from "../processes.js";

const CALLERS = 50;
const LONGEST_NAME = 32;

const SIZES = [2000, 20_000, 100_000];
/** The bound of `--check` has room for busy machines; the goal is below. */
const CHECKED = 1.1;

const JUDGED: Readonly<Record<number, number>> = { 20000: 1.04, 100000: 1.03 };

/** For peers that send one device in each call: 30 s. Larger sizes are computed. */
const FEW_DEVICES = 300;
const FEW_DEVICES_SHORT = 60;

export const US = "ota-gateway";

export interface Run {
  readonly who: string;
  readonly devices: number;
  /** From the first arrival to the last. */
  readonly spanMs: number;
  readonly meanAnswerMs: number;
  /** The shortest time by the quota, with full calls. Meaningless below a few hundred devices. */
  readonly idealMs: number;
  /**
   * Computed rather than measured, which would take hours: the time of one device in each call at
   * the full quota.
   */
  readonly isComputed: boolean;
  readonly calls: number;
  readonly refused: number;
  readonly worstSecond: number;
  readonly canceled: number;
  /** Devices whose callers were answered that they failed, or not answered in time. */
  readonly failed: number;
  /** For peers: the wait of a device that arrives when all have begun. */
  readonly bystanderMs: number;
}

export interface RolloutFigures {
  readonly runs: readonly Run[];
}

export async function rollout(isShort: boolean): Promise<Measured<RolloutFigures>> {
  const redis = provide("redis") ? await startRedis() : undefined;
  const sizes = isShort ? [20_000] : SIZES;
  const names = PEER_NAMES.filter((name) => (redis || !factsOf(name).needsRedis) && !(isShort && name === "direct"));
  const [filling, single] = [true, false].map((fills) => names.filter((name) => !!factsOf(name).fillsCalls === fills));
  // Ten calls a second leave the processors idle, so peers run in parallel, each with an upstream
  // of its own.
  const few = isShort ? FEW_DEVICES_SHORT : FEW_DEVICES;
  const small = await Promise.all((single ?? []).map((name) => peerRun(name, few, redis)));
  const large: Run[] = [];
  for (const devices of sizes) {
    large.push(
      ...(await Promise.all([ourRun(devices), ...(filling ?? []).map((name) => peerRun(name, devices, redis))])),
    );
  }
  await redis?.kill();
  const runs = [...large, ...small, ...small.flatMap((run) => sizes.map((to) => computedFrom(run, to)))];
  return {
    goals: runs.flatMap((run) => (run.who === US ? ourGoals(run, isShort) : peerGoals(run, large))),
    figures: { runs },
  };
}

/** With the longest names, fewer devices fit into the address of a call. */
export async function longNames(): Promise<Measured<RolloutFigures>> {
  const run = await ourRun(20_000, LONGEST_NAME);
  const calls = { name: "names of 32 characters: calls for 20000 devices", value: run.calls, most: 112 };
  return { goals: [calls, ...ourGoals(run, true).slice(1)], figures: { runs: [run] } };
}

async function ourRun(devices: number, nameLength = SEEDED_NAME_LENGTH): Promise<Run> {
  const upstream = await startUpstream(...NETWORK, "--devices", String(devices), "--name-length", String(nameLength));
  const gateway = await startGateway(upstream);
  const names = Array.from({ length: devices }, (_, n) => seededName(n, nameLength));
  const answers = await cancelEach(gateway, names);
  const counts = await upstream.counts();
  await gateway.stop();
  upstream.stop();
  const failed = answers.filter((answer) => !answer?.success).length;
  return runOf(US, devices, counts, failed, Number.NaN);
}

async function peerRun(peer: PeerName, devices: number, redis: RedisServer | undefined): Promise<Run> {
  const upstream = await startUpstream(...NETWORK, "--devices", String(devices + 1));
  const [told] = await runServices([
    {
      peer,
      url: upstream.url.origin,
      redisUrl: redis?.url ?? "",
      isShared: false,
      callers: CALLERS,
      indexes: Array.from({ length: devices }, (_, n) => n),
      bystander: devices,
      withinMs: 120_000,
    },
  ]);
  const counts = await upstream.counts();
  upstream.stop();
  const { accepted = 0, bystanderMs } = told ?? {};
  return runOf(factsOf(peer).title, devices, counts, devices - accepted, bystanderMs ?? Number.NaN);
}

function runOf(who: string, devices: number, counts: Stats, failed: number, bystanderMs: number): Run {
  const { arrivals, worstSecond, spanMs, meanAnswerMs, devicesCanceled: canceled } = counts;
  const refused = Object.values(counts.refused).reduce((sum, each) => sum + each, 0);
  const idealMs = idealOf(devices, meanAnswerMs);
  const counted = { calls: arrivals, refused, worstSecond, canceled, failed };
  return { who, devices, spanMs, meanAnswerMs, idealMs, isComputed: false, ...counted, bystanderMs };
}

/** The time with full calls, and each token used again as soon as its second is over. */
function idealOf(devices: number, meanAnswerMs: number): number {
  return ((devices / DEVICES_PER_CALL - 1) * (1000 + meanAnswerMs)) / CALLS_PER_SECOND;
}

/**
 * The least time for more devices, one in each call, and the wait behind them in order of arrival.
 */
function computedFrom(run: Run, devices: number): Run {
  const spanMs = ((devices - 1) * 1000) / CALLS_PER_SECOND;
  const idealMs = idealOf(devices, run.meanAnswerMs);
  return { ...run, devices, spanMs, bystanderMs: spanMs, idealMs, isComputed: true, calls: devices, canceled: devices };
}

function ourGoals(run: Run, isShort: boolean): Goal[] {
  const name = `stop a rollout of ${run.devices}`;
  const most = isShort ? CHECKED : (JUDGED[run.devices] ?? 1.2);
  return [
    { name: `${name}: first to last arrival, of the ideal`, value: run.spanMs / run.idealMs, most },
    { name: `${name}: devices canceled`, value: run.canceled, least: run.devices },
    { name: `${name}: requests that failed`, value: run.failed, most: 0 },
    { name: `${name}: calls refused`, value: run.refused, most: 0 },
    { name: `${name}: most arrivals in a second`, value: run.worstSecond, most: CALLS_PER_SECOND },
  ];
}

function peerGoals(run: Run, large: readonly Run[]): Goal[] {
  const { who, devices, isComputed } = run;
  const name = `${who}, ${devices} devices${isComputed ? " (computed)" : ""}`;
  if (isComputed) {
    const us = large.find((each) => each.who === US && each.devices === devices) as Run;
    const times = { name: `${name}: times as long as ours`, value: run.spanMs / us.spanMs };
    return [devices === 20_000 ? { ...times, least: 150 } : times];
  }
  const ideal = { name: `${name}: of the ideal`, value: run.spanMs / run.idealMs };
  return [
    ...(factsOf("dataloader").title === who ? [ideal] : []),
    { name: `${name}: devices a second`, value: ((run.canceled - 1) * 1000) / run.spanMs },
    { name: `${name}: most arrivals in a second`, value: run.worstSecond },
    { name: `${name}: calls refused`, value: run.refused },
    { name: `${name}: devices that failed`, value: run.failed },
    { name: `${name}: s that one more device waits`, value: run.bystanderMs / 1000 },
  ];
}
