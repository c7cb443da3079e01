// The cost of a request in the gateway beyond the cost of gRPC itself: processor time for each rpc,
// compared with a grpc-js server that does nothing, one that only holds its answers as long as a
// token and a call take, and a C++ one, alternating within one run.
import { startCppServer } from "../cpp-server.js";
import type { Measured } from "../goal.js";
import { median } from "../median.js";
import { startBareServer, startGateway, startUpstream, TAKES_ALL } from "../processes.js";
import { type Contestant, TurnAbout } from "../turn-about.js";

/** Of the gateway, and of the bare server. */
const PROCESSES = 3;

const ROUNDS = 3;
const ROUNDS_SHORT = 5;

/**
 * How long the upstream takes. The holding server holds its answers for once to twice as long, like
 * the gateway.
 */
const ANSWER_MS = 20;
const GATEWAY = "ota-gateway";
const BARE = "bare grpc-js";
const HOLDING = "grpc-js that holds its answers";
const ROUND_MS = 2000;
const ROUND_MS_SHORT = 1500;

export interface IngestFigures {
  readonly servers: readonly {
    readonly who: string;
    readonly rpcsPerSecond: number;
    readonly perRpcUs: number;
    /** The load generator's part. */
    readonly ownPerRpcUs: number;
  }[];
}

export async function ingest(isShort: boolean): Promise<Measured<IngestFigures>> {
  const upstream = await startUpstream("--latency-ms", String(ANSWER_MS), ...TAKES_ALL, "--quota", "1000");
  const cpp = isShort ? undefined : await startCppServer();
  const startBoth = () => [
    startGateway(upstream, { OTA_QUOTA_CALLS_PER_SECOND: "50" }).then((server): Contestant => [GATEWAY, server]),
    startBareServer().then((server): Contestant => [BARE, server]),
  ];
  const servers = await Promise.all(Array.from({ length: isShort ? 1 : PROCESSES }, startBoth).flat());
  if (!isShort) servers.push([HOLDING, await startBareServer(ANSWER_MS)]);
  if (cpp) servers.push(["bare C++", cpp]);
  const forMs = isShort ? ROUND_MS_SHORT : ROUND_MS;
  const turns = new TurnAbout();
  await turns.run(servers, isShort ? ROUNDS_SHORT : ROUNDS, { forMs });
  for (const [, server] of servers) await server.stop();
  upstream.stop();
  const figures = [...new Set(servers.map(([who]) => who))].map((who) => {
    const all = turns.resultsOf(who);
    return {
      who,
      rpcsPerSecond: Math.round(median(all.map(({ rpcsPerSecond }) => rpcsPerSecond))),
      perRpcUs: Math.round(median(all.map(({ perRpcMs }) => perRpcMs * 1000))),
      ownPerRpcUs: Math.round(median(all.map(({ ownPerRpcMs }) => ownPerRpcMs * 1000))),
    };
  });
  return {
    goals: [
      // The bound of --check only catches gross errors: the same code was measured at 1.7 and at
      // 2.7.
      {
        name: "ingest: processor time per rpc, of a bare server's",
        value: turns.ratio(GATEWAY, BARE),
        most: isShort ? 2.6 : 1.5,
      },
      ...(isShort ? [] : [{ name: `ingest, ${HOLDING}: the same`, value: turns.ratio(HOLDING, BARE) }]),
      ...figures.map(({ who, rpcsPerSecond }) => ({ name: `ingest, ${who}: rpcs a second`, value: rpcsPerSecond })),
      ...figures.map(({ who, ownPerRpcUs }) => ({
        name: `ingest, ${who}: rpcs a second that the load generator could make, at most`,
        value: Math.round(1e6 / ownPerRpcUs),
      })),
    ],
    figures: { servers: figures },
  };
}
