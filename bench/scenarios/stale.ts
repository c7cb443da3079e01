// Lists as they are: with names of devices that no longer exist, in requests of 1,000. How many
// calls and how much time they take beside the same list without such names, and how long another
// caller waits who comes with one device.
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { Outcome } from "../../src/gen/ota/v1/ota_service.js";
import { callerOf } from "../crowd.js";
import type { Goal, Measured } from "../goal.js";
import { CALLS_PER_SECOND } from "../peers/peer.js";
import { NETWORK, startGateway, startUpstream } from "../processes.js";

const REQUEST_DEVICES = 1000;
const DEADLINE_MS = 600_000;
const SINGLE_EVERY_MS = 130;

/** The quotas of the two reading operations, in devices a second. */
const DETAILS = 500;
const STATES = 2500;

/** `every`: one name in so many is stale; 0 for none. */
interface Case {
  readonly devices: number;
  readonly every: number;
  readonly statesOmit: boolean;
}

const SHORT: readonly Case[] = [
  { devices: 8200, every: 0, statesOmit: true },
  { devices: 8200, every: 41, statesOmit: true },
  { devices: 8200, every: 41, statesOmit: false },
];
const ALL: readonly Case[] = [
  ...SHORT,
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

export async function stale(isShort: boolean): Promise<Measured<{ readonly runs: readonly StaleRun[] }>> {
  const runs: StaleRun[] = [];
  for (const each of isShort ? SHORT : ALL) runs.push(await runOf(each));
  return { goals: runs.flatMap((run) => goalsOf(run, runs)), figures: { runs } };
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
  const list = Array.from({ length: devices }, (_, n) =>
    every > 0 && n % every === Math.floor(every / 2) ? seededName(devices + n) : seededName(n),
  );
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
    const single = every > 0 && n % every === Math.floor(every / 2) ? n + 1 : n;
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
    ...(devices === 8200 && every > 0
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
    { name: `${what}: p95 of another caller's single devices, ms`, value: singleP95Ms },
  ];
}
