// The gateway's processor time for a device of an operation, from the upload to its last outcome,
// relative to a stream with the same devices. Gateways of a kind take turns, each a new process.
import { residentMb } from "../cpu.js";
import type { Goal } from "../goal.js";
import { median } from "../median.js";
import { startUpstream, TAKES_ALL } from "../processes.js";
import { ended, streamList, submitList } from "./lists.js";
import { startProbedGateway, useOf } from "./probed-gateway.js";

/** Above the account's own rate, so that it takes seconds. */
const CALLS_PER_SECOND = 50;

export async function processorTime(
  states: ReadonlyMap<string, string>,
  { devices, rounds }: { readonly devices: number; readonly rounds: number },
): Promise<Goal[]> {
  const upstream = await startUpstream("--latency-ms", "20", ...TAKES_ALL, "--quota", "1000");
  const costOf = async (state: string, work: (grpc: string) => Promise<unknown>) => {
    const variables = { OTA_STATE: state, OTA_QUOTA_CALLS_PER_SECOND: String(CALLS_PER_SECOND) };
    const gateway = await startProbedGateway(upstream, variables);
    const { cpuMs } = await useOf(gateway, residentMb(gateway.pid), () => work(gateway.grpc));
    await gateway.stop();
    return (1000 * cpuMs) / devices;
  };
  const streamed: number[] = [];
  const stored = new Map([...states.keys()].map((store) => [store, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    streamed.push(await costOf("", (grpc) => streamList(grpc, devices)));
    for (const [store, state] of states) {
      const cost = await costOf(state, async (grpc) => ended(grpc, await submitList(grpc, devices)));
      stored.get(store)?.push(cost);
    }
  }
  upstream.stop();
  return [
    { name: `a stream of ${devices} devices: µs of the processor for each`, value: median(streamed) },
    ...[...stored].map(([store, costs]) => ({
      name: `${store}: processor time for a device, of a stream's`,
      value: median(costs.map((cost, round) => cost / (streamed[round] as number))),
      most: 1.3,
    })),
  ];
}
