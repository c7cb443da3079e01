// Stopping a rollout: 50 callers cancel all its devices, one device in each request. Measures the
// distance from the ideal, the share of the quota, the arrivals in the worst second, and the wait
// of a caller with one device that arrives when all have begun.
import { provide } from "../../test/support/debian.js";
import { startRedis } from "../../test/support/redis.js";
import type { Goal, Measured } from "../goal.js";
import { CALLS_PER_SECOND } from "../peers/peer.js";
import { factsOf, PEER_NAMES } from "../peers/peers.js";
import { NETWORK } from "../processes.js";
import { computedFrom, ourRun, peerRun, type Run, US } from "../rollout-run.js";

const LONGEST_NAME = 32;

const SIZES = [2000, 20_000, 100_000];
/** The bound of `--check` has room for busy machines; the goal is below. */
const CHECKED = 1.1;

const JUDGED: Readonly<Record<number, number>> = { 20000: 1.04, 100000: 1.03 };

/** For peers that send one device in each call: 30 s. Larger sizes are computed. */
const FEW_DEVICES = 300;
const FEW_DEVICES_SHORT = 60;

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
  const small = await Promise.all(
    (single ?? []).map((name) => peerRun(name, { devices: few, network: NETWORK }, redis)),
  );
  const large: Run[] = [];
  for (const devices of sizes) {
    const options = { devices, network: NETWORK };
    const peers = (filling ?? []).map((name) => peerRun(name, options, redis));
    large.push(...(await Promise.all([ourRun(options), ...peers])));
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
  const run = await ourRun({ devices: 20_000, network: NETWORK, nameLength: LONGEST_NAME });
  const calls = { name: "names of 32 characters: calls for 20000 devices", value: run.calls, most: 112 };
  return { goals: [calls, ...ourGoals(run, true).slice(1)], figures: { runs: [run] } };
}

function ourGoals(run: Run, isShort: boolean): Goal[] {
  const name = `stop a rollout of ${run.devices}`;
  const most = isShort ? CHECKED : (JUDGED[run.devices] ?? 1.2);
  return [
    { name: `${name}: first to last arrival, of the ideal`, value: run.spanMs / run.idealMs, most },
    { name: `${name}: share of the quota`, value: run.shareOfQuota },
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
    { name: `${name}: share of the quota`, value: run.shareOfQuota },
    { name: `${name}: most arrivals in a second`, value: run.worstSecond },
    { name: `${name}: calls refused`, value: run.refused },
    { name: `${name}: devices that failed`, value: run.failed },
    { name: `${name}: s that one more device waits`, value: run.bystanderMs / 1000 },
  ];
}
