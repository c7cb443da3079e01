// The cost of a device as more devices wait, and of an rpc as more callers wait. Both should stay
// flat. Judged on the whole process; the gateway's own part, without any wire, is reported beside
// it.
import { fork } from "node:child_process";
import { once } from "node:events";
import { type Caller, createCaller } from "../../test/support/grpc-caller.js";
import { cpuMs, residentMb } from "../cpu.js";
import type { Measured } from "../goal.js";
import { load } from "../load.js";
import { median } from "../median.js";
import { type ServerProcess, startGateway, startUpstream, TAKES_ALL, type Upstream } from "../processes.js";

const QUEUED = [1000, 10_000, 100_000, 1_000_000];
const QUEUED_SHORT = [1000, 100_000];
const CALLERS = [1, 100, 10_000];
const CALLERS_SHORT = [1, 10_000];

/** Sent at each size, so that small sizes are not over in a moment. */
const DEVICES = 200_000;
const DEVICES_PER_REQUEST = 1000;

/** About as many as the gateway accepts from one caller. */
const IN_FLIGHT = 4000;
const ROUNDS = 2;

/** A high rate, so that a million devices do not take eight minutes. */
const FAST = { OTA_QUOTA_CALLS_PER_SECOND: "250", OTA_DEFAULT_DEADLINE_MS: "600000" };
const UNBOUNDED = { OTA_MAX_QUEUED_DEVICES: "2000000", OTA_MAX_QUEUED_DEVICES_PER_CALLER: "2000000" };

export interface Point {
  readonly at: number;
  readonly us: number;
}

export interface GrowthFigures {
  /**
   * Processor time for each device by queue length, of the whole process and of the gateway's own
   * part.
   */
  readonly byQueued: readonly (Point & { readonly mb: number })[];
  readonly coreByQueued: readonly Point[];
  /** Processor time for each rpc by number of callers. */
  readonly byCallers: readonly Point[];
  readonly coreByCallers: readonly Point[];
}

export async function growth(isShort: boolean): Promise<Measured<GrowthFigures>> {
  const upstream = await startUpstream("--latency-ms", "20", ...TAKES_ALL, "--quota", "1000");
  const byQueued: GrowthFigures["byQueued"][number][] = [];
  for (const queued of isShort ? QUEUED_SHORT : QUEUED) byQueued.push(await perDevice(upstream, queued));
  const byCallers = await perRpc(upstream, isShort ? CALLERS_SHORT : CALLERS, isShort ? 1500 : 2500);
  upstream.stop();
  const coreByQueued: Point[] = [];
  const coreByCallers: Point[] = [];
  if (!isShort) {
    for (const at of QUEUED) coreByQueued.push({ at, us: await core(at, 1, 100, Math.max(at, DEVICES)) });
    for (const at of CALLERS) coreByCallers.push({ at, us: await core(100_000, at, 1, 100_000) });
  }
  const room = isShort ? 1.5 : 1;
  return {
    goals: [
      { name: `growth: per device, most queued of fewest`, value: ratio(byQueued), most: 1.3 * room },
      { name: `growth: per rpc, most callers of one`, value: ratio(byCallers), most: 1.5 * room },
      ...(isShort ? [] : [{ name: "growth: own part per device, most queued of fewest", value: ratio(coreByQueued) }]),
      ...(isShort ? [] : [{ name: "growth: own part per device, 10,000 callers of one", value: ratio(coreByCallers) }]),
    ],
    figures: { byQueued, coreByQueued, byCallers, coreByCallers },
  };
}

function ratio(points: readonly Point[]): number {
  return (points.at(-1)?.us ?? Number.NaN) / (points[0]?.us ?? Number.NaN);
}

/**
 * Runs in rounds: all devices are queued at once, and the next follow when all have been answered.
 */
async function perDevice(upstream: Upstream, queued: number): Promise<GrowthFigures["byQueued"][number]> {
  const gateway = await startGateway(upstream, { ...FAST, ...UNBOUNDED });
  const client = createCaller(gateway.grpc);
  const total = Math.max(queued, DEVICES);
  await cancelAll(client, 0, DEVICES / 4, Math.min(queued, DEVICES / 4)); // warms up the machine code
  const idleMb = residentMb(gateway.pid);
  const startMs = cpuMs(gateway.pid);
  const mb = await mostMb(gateway, () => cancelAll(client, DEVICES, total, queued));
  const us = ((cpuMs(gateway.pid) - startMs) * 1000) / total;
  client.close();
  await gateway.stop();
  return { at: queued, us: Math.round(us * 100) / 100, mb: Math.round(mb - idleMb) };
}

async function cancelAll(client: Caller, first: number, total: number, atOnce: number): Promise<void> {
  for (let n = 0; n < total; n += atOnce) {
    const requests = Array.from({ length: atOnce / DEVICES_PER_REQUEST }, (_, m) => {
      const from = first + n + m * DEVICES_PER_REQUEST;
      return client.cancel(Array.from({ length: DEVICES_PER_REQUEST }, (_, k) => `device-${from + k}`)).answer;
    });
    await Promise.all(requests);
  }
}

async function mostMb({ pid }: ServerProcess, work: () => Promise<void>): Promise<number> {
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, residentMb(pid));
  }, 50);
  await work();
  clearInterval(timer);
  return most;
}

/** Alternates between the sizes, to average out noise. */
async function perRpc(upstream: Upstream, numbers: readonly number[], forMs: number): Promise<Point[]> {
  const gateway = await startGateway(upstream, FAST);
  const times = new Map(numbers.map((callers) => [callers, [] as number[]]));
  for (let round = -1; round < ROUNDS; round++) {
    for (const callers of numbers) {
      const { perRpcMs } = await load(gateway, { forMs, callers, inFlight: IN_FLIGHT });
      if (round >= 0) times.get(callers)?.push(perRpcMs);
    }
  }
  await gateway.stop();
  return [...times].map(([at, list]) => ({ at, us: Math.round(median(list) * 1000) }));
}

async function core(queued: number, callers: number, devicesPerRequest: number, total: number): Promise<number> {
  const sizes = [queued, callers, devicesPerRequest, total].map(String);
  const child = fork(new URL("../growth-core.ts", import.meta.url), sizes, { execArgv: ["--import", "tsx"] });
  const [us] = (await once(child, "message")) as [number];
  child.disconnect();
  return Math.round(us * 100) / 100;
}
