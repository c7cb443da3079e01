// The gateway's processor time for a device of an operation, from the upload to its last outcome,
// relative to a stream with the same devices, each in a new process at the account's own rate. They
// run at the same time, because they wait for tokens most of it.
import { cpuMs } from "../cpu.js";
import type { Goal } from "../goal.js";
import { median } from "../median.js";
import { NETWORK, startGateway, startUpstream, TAKES_ALL } from "../processes.js";
import { ended, streamList, submitList } from "./lists.js";

export async function processorTime(
  states: ReadonlyMap<string, string>,
  { devices, rounds }: { readonly devices: number; readonly rounds: number },
): Promise<Goal[]> {
  const costOf = async (state: string, work: (grpc: string) => Promise<unknown>) => {
    const upstream = await startUpstream(...NETWORK, ...TAKES_ALL);
    const gateway = await startGateway(upstream, { OTA_STATE: state });
    const beforeMs = cpuMs(gateway.pid);
    await work(gateway.grpc);
    const costUs = (1000 * (cpuMs(gateway.pid) - beforeMs)) / devices;
    await gateway.stop();
    upstream.stop();
    return costUs;
  };
  const streamed: number[] = [];
  const stored = new Map([...states.keys()].map((store) => [store, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    const [stream, ...costs] = await Promise.all([
      costOf("", (grpc) => streamList(grpc, devices)),
      ...[...states.values()].map((state) =>
        costOf(state, async (grpc) => ended(grpc, await submitList(grpc, devices))),
      ),
    ]);
    streamed.push(stream);
    for (const [nth, all] of [...stored.values()].entries()) all.push(costs[nth] as number);
  }
  return [
    { name: `a stream of ${devices} devices: µs of the processor for each`, value: median(streamed) },
    ...[...stored].map(([store, costs]) => ({
      name: `${store}: processor time for a device, of a stream's`,
      value: median(costs.map((cost, round) => cost / (streamed[round] as number))),
      most: 1.3,
    })),
  ];
}
