// What a request costs the gateway beside what gRPC costs anyway: processor time per rpc, against a
// grpc-js server that does nothing, turn about in one run.
import { connect } from "../src/client/client.js";
import { cpuMs } from "./cpu.js";
import type { Goal } from "./goal.js";
import { median } from "./median.js";
import { type GatewayProcess, startBareServer, startGateway, startUpstream } from "./processes.js";

const IN_FLIGHT = 512;
const CONNECTIONS = 8;
const ROUNDS = 5;
const ROUND_MS = 3000;

/** Until the machine code of both is what it stays. */
const WARM_UP_ROUNDS = 3;

export async function ingest(): Promise<Goal[]> {
  const upstream = await startUpstream(20, 20);
  const gateway = await startGateway(upstream, { OTA_QUOTA_CALLS_PER_SECOND: "50" });
  const bare = await startBareServer();
  for (let round = 0; round < WARM_UP_ROUNDS; round++) for (const server of [gateway, bare]) await load(server);
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) ratios.push((await load(gateway)) / (await load(bare)));
  await gateway.stop();
  await bare.stop();
  upstream.stop();
  return [{ name: "ingest: processor time per rpc, of a bare server's", value: median(ratios), most: 1.6 }];
}

/** Processor time per rpc in ms, under a closed loop of one-device requests. */
async function load(server: GatewayProcess): Promise<number> {
  const clients = Array.from({ length: CONNECTIONS }, (_, n) => connect(server.grpc, { caller: `caller-${n}` }));
  let rpcs = 0;
  const untilMs = performance.now() + ROUND_MS;
  const startMs = cpuMs(server.pid);
  const loop = async (n: number) => {
    const client = clients[n % CONNECTIONS];
    while (client && performance.now() < untilMs) {
      const deviceNames = [`device-${n}-${rpcs++}`];
      await client.cancelTasksByDevice({ productKey: "a1Bench", firmwareId: "Bench030100", deviceNames });
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, n) => loop(n)));
  const perRpcMs = (cpuMs(server.pid) - startMs) / rpcs;
  for (const client of clients) client.close();
  return perRpcMs;
}
