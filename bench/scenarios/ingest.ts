// What a request costs the gateway beside what gRPC costs anyway: processor time per rpc, against a grpc-js server that
// does nothing, one that does nothing but hold its answers as long as a token and a call take, and a C++ one, turn about
// in one run. Of the two that are compared there are several processes each: by chance of what is compiled and collected
// when, one and the same server took from 50 to 75 us a request.
import { startCppServer } from "../cpp-server.js";
import type { Measured } from "../goal.js";
import { type LoadResult, load } from "../load.js";
import { median } from "../median.js";
import { type ServerProcess, startBareServer, startGateway, startUpstream, TAKES_ALL } from "../processes.js";

/** Of the gateway, and of the bare server. */
const PROCESSES = 3;

const ROUNDS = 3;
const ROUNDS_SHORT = 5;

/** How long the upstream takes. A server that holds its answers holds them once to twice as long, as the gateway does. */
const ANSWER_MS = 20;
const GATEWAY = "ota-gateway";
const BARE = "bare grpc-js";
const HOLDING = "grpc-js that holds its answers";
const ROUND_MS = 2000;
const ROUND_MS_SHORT = 1500;

/** Until the machine code of all is what it stays. */
const WARM_UP_ROUNDS = 2;

export interface IngestFigures {
  readonly servers: readonly {
    readonly who: string;
    readonly rpcsPerSecond: number;
    readonly perRpcUs: number;
    /** The load generator's. */
    readonly ownPerRpcUs: number;
  }[];
}

export async function ingest(isShort: boolean): Promise<Measured<IngestFigures>> {
  const upstream = await startUpstream("--latency-ms", String(ANSWER_MS), ...TAKES_ALL, "--quota", "1000");
  const cpp = isShort ? undefined : await startCppServer();
  const servers: [string, ServerProcess][] = [];
  for (let n = 0; n < (isShort ? 1 : PROCESSES); n++) {
    servers.push([GATEWAY, await startGateway(upstream, { OTA_QUOTA_CALLS_PER_SECOND: "50" })]);
    servers.push([BARE, await startBareServer()]);
  }
  if (!isShort) servers.push([HOLDING, await startBareServer(ANSWER_MS)]);
  if (cpp) servers.push(["bare C++", cpp]);
  const forMs = isShort ? ROUND_MS_SHORT : ROUND_MS;
  for (let round = 0; round < WARM_UP_ROUNDS; round++) for (const [, server] of servers) await load(server, { forMs });
  const rounds: Map<string, LoadResult[]>[] = [];
  for (let round = 0; round < (isShort ? ROUNDS_SHORT : ROUNDS); round++) {
    const results = new Map(servers.map(([who]) => [who, [] as LoadResult[]]));
    for (const [who, server] of servers) results.get(who)?.push(await load(server, { forMs }));
    rounds.push(results);
  }
  for (const [, server] of servers) await server.stop();
  upstream.stop();
  const cost = (results: readonly LoadResult[] = []) => median(results.map(({ perRpcMs }) => perRpcMs));
  const ratio = (who: string) => median(rounds.map((round) => cost(round.get(who)) / cost(round.get(BARE))));
  const figures = [...new Set(servers.map(([who]) => who))].map((who) => {
    const all = rounds.flatMap((round) => round.get(who) ?? []);
    return {
      who,
      rpcsPerSecond: Math.round(median(all.map(({ rpcsPerSecond }) => rpcsPerSecond))),
      perRpcUs: Math.round(cost(all) * 1000),
      ownPerRpcUs: Math.round(median(all.map(({ ownPerRpcMs }) => ownPerRpcMs * 1000))),
    };
  });
  return {
    goals: [
      // The bound of --check is a tripwire and no goal: the same code was found at 1.7 and at 2.7.
      {
        name: "ingest: processor time per rpc, of a bare server's",
        value: ratio(GATEWAY),
        most: isShort ? 2.6 : 1.5,
      },
      ...(isShort ? [] : [{ name: `ingest, ${HOLDING}: the same`, value: ratio(HOLDING) }]),
      ...figures.map(({ who, rpcsPerSecond }) => ({ name: `ingest, ${who}: rpcs a second`, value: rpcsPerSecond })),
      ...figures.map(({ who, ownPerRpcUs }) => ({
        name: `ingest, ${who}: rpcs a second that the load generator could make, at most`,
        value: Math.round(1e6 / ownPerRpcUs),
      })),
    ],
    figures: { servers: figures },
  };
}
