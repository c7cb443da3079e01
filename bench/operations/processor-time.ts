// The gateway's processor time for a device of an operation, from the upload to its last outcome,
// relative to a stream with the same devices. Both go through one process, in turn about, once its
// code is compiled.
import { cpuMs } from "../cpu.js";
import type { Goal } from "../goal.js";
import { median } from "../median.js";
import { startGateway, startUpstream, TAKES_ALL } from "../processes.js";
import { ended, streamList, submitList } from "./lists.js";

/** Above the account's own rate, so that it takes seconds. */
const CALLS_PER_SECOND = 50;

export async function processorTime(
  states: ReadonlyMap<string, string>,
  { devices, rounds }: { readonly devices: number; readonly rounds: number },
): Promise<Goal[]> {
  const goals: Goal[] = [];
  for (const [store, state] of states) {
    const upstream = await startUpstream("--latency-ms", "20", ...TAKES_ALL, "--quota", "1000");
    const variables = { OTA_STATE: state, OTA_QUOTA_CALLS_PER_SECOND: String(CALLS_PER_SECOND) };
    const { pid, grpc, stop } = await startGateway(upstream, variables);
    const costUs = async (work: () => Promise<unknown>) => {
      const beforeMs = cpuMs(pid);
      await work();
      return (1000 * (cpuMs(pid) - beforeMs)) / devices;
    };
    const costs: { readonly streamed: number; readonly stored: number }[] = [];
    for (let round = -1; round < rounds; round++) {
      const streamed = await costUs(() => streamList(grpc, devices));
      const stored = await costUs(async () => ended(grpc, await submitList(grpc, devices)));
      if (round >= 0) costs.push({ streamed, stored });
    }
    await stop();
    upstream.stop();
    goals.push(
      {
        name: `${store}: processor time for a device, of a stream's`,
        value: median(costs.map(({ streamed, stored }) => stored / streamed)),
        most: 1.3,
      },
      { name: `${store}, the stream's: µs`, value: median(costs.map(({ streamed }) => streamed)) },
    );
  }
  return goals;
}
