// Lists as they are: with names of devices that no longer exist, in requests of 1,000. How many
// calls and how much time they take beside the same list without such names, how long another
// caller waits for a single device, and what the peers make of such a list.
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { Outcome } from "../../src/gen/ota/v1/ota_service.js";
import { callerOf } from "../crowd.js";
import type { Goal, Measured } from "../goal.js";
import { CALLS_PER_SECOND } from "../peers/peer.js";
import { factsOf, type PeerName } from "../peers/peers.js";
import { NETWORK, runServices, startGateway, startUpstream } from "../processes.js";

const REQUEST_DEVICES = 1000;
const DEADLINE_MS = 600_000;
const SINGLE_EVERY_MS = 130;

/** Calls are so far apart. */
const ONE_CALL_MS = 104;

/** The quotas of the two reading operations, in devices a second. */
const DETAILS = 500;
const STATES = 2500;

/** `every`: one name in so many is stale; 0 for none. */
interface Case {
  readonly devices: number;
  readonly every: number;
  readonly statesOmit: boolean;
}

/** Takes less than 30 s. */
const SHORT: readonly Case[] = [
  { devices: 2050, every: 0, statesOmit: true },
  { devices: 8200, every: 41, statesOmit: true },
  { devices: 2050, every: 41, statesOmit: false },
];
const ALL: readonly Case[] = [
  { devices: 8200, every: 0, statesOmit: true },
  { devices: 8200, every: 41, statesOmit: true },
  { devices: 8200, every: 41, statesOmit: false },
  ...[1000, 10, 2].map((every) => ({ devices: 8000, every, statesOmit: true })),
  { devices: 100_000, every: 0, statesOmit: true },
  { devices: 100_000, every: 10, statesOmit: true },
  { devices: 100_000, every: 10, statesOmit: false },
];

interface StaleRun extends Case {
  readonly ms: number;
  readonly outcomes: Readonly<Record<string, number>>;
  /** Canceling calls that held names of the list. */
  readonly calls: number;
  readonly readings: number;
  readonly refusedReadings: number;
  readonly worstSecond: number;
  readonly singleP95Ms: number;
}

/** A peer with the list of 8,200 names, one in 41 stale. */
interface PeerRun {
  readonly who: string;
  readonly accepted: number;
  readonly failed: number;
  readonly calls: number;
  readonly worstSecond: number;
}

export interface StaleFigures {
  readonly runs: readonly StaleRun[];
  readonly peers: readonly PeerRun[];
}

const PEER_LIST: Case = { devices: 8200, every: 41, statesOmit: true };
/** One device a call takes a quarter of an hour for this list; a minute shows the rate. */
const PEER_WITHIN_MS = 60_000;

export async function stale(isShort: boolean): Promise<Measured<StaleFigures>> {
  const runs: StaleRun[] = [];
  for (const each of isShort ? SHORT : ALL) runs.push(await runOf(each));
  const names: readonly PeerName[] = isShort ? ["dataloader"] : ["dataloader", "minTime"];
  const peers = await Promise.all(names.map(throughPeer));
  return {
    goals: [
      ...runs.flatMap((run) => goalsOf(run, runs)),
      ...peers.map(({ who, accepted }) => ({
        name: `${who}: good ones accepted of 8000, in a minute`,
        value: accepted,
      })),
    ],
    figures: { runs, peers },
  };
}

async function throughPeer(peer: PeerName): Promise<PeerRun> {
  const { devices } = PEER_LIST;
  const upstream = await startUpstream(...NETWORK, "--devices", String(devices));
  const [told] = await runServices([
    {
      ...{ peer, url: upstream.url.origin, redisUrl: "", isShared: false, callers: 8 },
      ...{ indexes: numbersOf(PEER_LIST), withinMs: PEER_WITHIN_MS },
    },
  ]);
  const { arrivals: calls, worstSecond } = await upstream.counts();
  upstream.stop();
  const { accepted = 0, failed = 0 } = told ?? {};
  return { who: factsOf(peer).title, accepted, failed, calls, worstSecond };
}

/** The numbers in the names; those from `devices` on are of devices that do not exist. */
function numbersOf({ devices, every }: Case): number[] {
  return Array.from({ length: devices }, (_, n) => (isStale(n, every) ? devices + n : n));
}

function isStale(n: number, every: number): boolean {
  return every > 0 && n % every === Math.floor(every / 2);
}

async function runOf(each: Case): Promise<StaleRun> {
  const { devices, every, statesOmit } = each;
  const upstream = await startUpstream(
    ...[...NETWORK, "--devices", String(devices)],
    ...["--missing-from-state", statesOmit ? "omit" : "reject"],
  );
  const gateway = await startGateway(upstream);
  const [lister, other] = [callerOf(gateway, "lister"), callerOf(gateway, "other")];
  await Promise.all([lister.connected(), other.connected()]);
  const list = numbersOf(each).map((n) => seededName(n));
  const startMs = performance.now();
  const outcomes: Record<string, number> = {};
  const calls = new Set<string>();
  let isOver = false;
  const requests = Array.from({ length: Math.ceil(devices / REQUEST_DEVICES) }, async (_, n) => {
    const names = list.slice(n * REQUEST_DEVICES, (n + 1) * REQUEST_DEVICES);
    const { results, calls: held } = await lister.cancel(names, {}, DEADLINE_MS).answer;
    for (const { requestId } of held) calls.add(requestId);
    for (const { outcome } of results) outcomes[Outcome[outcome]] = (outcomes[Outcome[outcome]] ?? 0) + 1;
  });
  const over = Promise.all(requests).then(() => {
    isOver = true;
    return performance.now() - startMs;
  });
  const waits: Promise<number>[] = [];
  for (let n = 0; !isOver && n < devices; n += 7) {
    await new Promise((resolve) => setTimeout(resolve, SINGLE_EVERY_MS));
    const sinceMs = performance.now();
    const single = isStale(n, every) ? n + 1 : n;
    waits.push(other.cancel([seededName(single)], {}, DEADLINE_MS).answer.then(() => performance.now() - sinceMs));
  }
  const singles = (await Promise.all(waits)).sort((a, b) => a - b);
  const ms = await over;
  const { worstSecond, operations } = await upstream.counts();
  for (const caller of [lister, other]) caller.close();
  await gateway.stop();
  upstream.stop();
  const read = ["BatchQueryDeviceDetail", "BatchGetDeviceState"].flatMap((action) => operations[action] ?? []);
  const throttled = read.map(({ refused }) => refused["Throttling.User"] ?? 0);
  return {
    ...{ ...each, ms, outcomes, calls: calls.size, worstSecond },
    readings: read.reduce((sum, { arrivals }) => sum + arrivals, 0),
    refusedReadings: throttled.reduce((sum, refusals) => sum + refusals, 0),
    singleP95Ms: singles[Math.floor(singles.length * 0.95)] ?? Number.NaN,
  };
}

function goalsOf(run: StaleRun, runs: readonly StaleRun[]): Goal[] {
  const { devices, every, statesOmit, ms, outcomes, calls, readings, refusedReadings, worstSecond, singleP95Ms } = run;
  const what = `${devices} names, ${every === 0 ? "none" : `one in ${every}`} stale${statesOmit ? "" : ", details only"}`;
  const staleNames = every > 0 ? Math.floor(devices / every) : 0;
  const clean = runs.find((each) => each.devices === devices && each.every === 0);
  const bound = Math.max(clean?.ms ?? 0, (devices / (statesOmit ? STATES : DETAILS)) * 1000);
  return [
    { name: `${what}: good ones accepted`, value: outcomes["ACCEPTED"] ?? 0, least: devices - staleNames },
    { name: `${what}: stale ones rejected`, value: outcomes["REJECTED"] ?? 0, least: staleNames, most: staleNames },
    ...(devices <= 8200 && every === 41
      ? [
          { name: `${what}: canceling calls`, value: calls, most: 70 },
          { name: `${what}: ms`, value: ms, most: statesOmit ? 15_000 : 30_000 },
        ]
      : [{ name: `${what}: canceling calls`, value: calls }]),
    ...(devices === 100_000 && every > 0
      ? [{ name: `${what}: ms`, value: ms, most: bound * (statesOmit ? 1.15 : 1.1) }]
      : []),
    { name: `${what}: reading calls`, value: readings, ...(every === 0 && { most: 0 }) },
    { name: `${what}: reading calls beyond a quota`, value: refusedReadings, most: 0 },
    { name: `${what}: most arrivals in a second`, value: worstSecond, most: CALLS_PER_SECOND },
    {
      name: `${what}: p95 of another caller's single devices, ms`,
      value: singleP95Ms,
      // A shorter list leaves too few of them for a bound.
      ...(clean && every > 0 && devices === 100_000 && { most: clean.singleP95Ms + ONE_CALL_MS }),
    },
  ];
}
