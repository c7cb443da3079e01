// The cost of a store for a gateway that has no operation: processor time for each request and at
// rest, and the time for a single request, in turn about with gateways that have none.
import { createCaller } from "../../test/support/grpc-caller.js";
import { cpuMs } from "../cpu.js";
import type { Goal } from "../goal.js";
import { median } from "../median.js";
import { startGateway, startUpstream, TAKES_ALL } from "../processes.js";
import { type Contestant, TurnAbout } from "../turn-about.js";

const NONE = "no store";
const PAUSE_MS = 110;
const REQUEST = { productKey: "a1Bench", firmwareId: "Bench030100" };

export interface IdleCostOptions {
  /** Of each kind. */
  readonly processes: number;
  readonly rounds: number;
  readonly restMs: number;
}

export async function idleCost(
  states: ReadonlyMap<string, (nth: number) => string>,
  { processes, rounds, restMs }: IdleCostOptions,
): Promise<Goal[]> {
  const upstream = await startUpstream("--latency-ms", "20", ...TAKES_ALL, "--quota", "1000");
  const servers: Contestant[] = [];
  for (let nth = 0; nth < processes; nth++) {
    for (const [who, state] of [[NONE, () => ""] as const, ...states]) {
      const variables = { OTA_QUOTA_CALLS_PER_SECOND: "50", OTA_STATE: state(nth) };
      servers.push([who, await startGateway(upstream, variables)]);
    }
  }
  const turns = new TurnAbout();
  await turns.run(servers, rounds, { forMs: 1500 });
  const addedMs = await addedTime(servers, 10 * rounds);
  const before = servers.map(([, { pid }]) => cpuMs(pid));
  await new Promise((resolve) => setTimeout(resolve, restMs));
  const atRest = servers.map(([who, { pid }], nth) => [who, cpuMs(pid) - (before[nth] as number)] as const);
  for (const [, server] of servers) await server.stop();
  upstream.stop();
  const restOf = (who: string) => (1000 * median(atRest.flatMap(([of, ms]) => (of === who ? [ms] : [])))) / restMs;
  return [...states.keys()].flatMap((who) => [
    {
      name: `${who} without operations: processor time per rpc, of no store`,
      value: turns.ratio(who, NONE),
      most: 1.1,
    },
    {
      name: `${who} without operations: ms more for a single request, median`,
      value: (addedMs.get(who) as number) - (addedMs.get(NONE) as number),
      most: 1,
    },
    {
      name: `${who} without operations: ms of the processor a second at rest, more than no store`,
      value: restOf(who) - restOf(NONE),
      most: 10,
    },
  ]);
}

/** The median time of a request for each kind, when all are idle. */
async function addedTime(servers: readonly Contestant[], rounds: number): Promise<ReadonlyMap<string, number>> {
  const callers = servers.map(([who, { grpc }]) => ({ who, caller: createCaller(grpc) }));
  const times = new Map(servers.map(([who]) => [who, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const { who, caller } of callers) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      const startMs = performance.now();
      await caller.cancel(["device-1"], REQUEST).answer;
      times.get(who)?.push(performance.now() - startMs);
    }
  }
  for (const { caller } of callers) caller.close();
  return new Map([...times].map(([who, all]) => [who, median(all)]));
}
