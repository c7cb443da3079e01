// Callers of the gateway as there are many: each on a connection of its own, each with so many requests of one device
// under way, until all devices have been asked for.
import type { CancelTasksByDeviceResponse } from "../src/gen/ota/v1/ota_service.js";
import { type Caller, createCaller } from "../test/support/grpc-caller.js";
import type { ServerProcess } from "./processes.js";

const CALLERS = 50;

/** Of each caller: all of them together want more than a second's devices, so that calls can be full. */
const IN_FLIGHT = 100;
const DEADLINE_MS = 600_000;

export function callerOf({ grpc }: ServerProcess, name: string): Caller {
  return createCaller(grpc, { "x-ota-caller": name });
}

/** The answer for each device, in their order; undefined if its rpc failed. */
export async function cancelEach(
  server: ServerProcess,
  deviceNames: readonly string[],
): Promise<(CancelTasksByDeviceResponse | undefined)[]> {
  const callers = Array.from({ length: CALLERS }, (_, n) => callerOf(server, `caller-${n}`));
  const answers: (CancelTasksByDeviceResponse | undefined)[] = [];
  let next = 0;
  const work = async (caller: Caller) => {
    for (let n = next++; n < deviceNames.length; n = next++) {
      const { answer } = caller.cancel([deviceNames[n] as string], {}, DEADLINE_MS);
      answers[n] = await answer.catch(() => undefined);
    }
  };
  const everybody = Array.from({ length: CALLERS * IN_FLIGHT }, (_, n) => work(callers[n % CALLERS] as Caller));
  await Promise.all(everybody);
  for (const caller of callers) caller.close();
  return answers;
}
