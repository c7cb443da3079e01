// Many callers of the gateway, each on a connection of its own with a fixed number of requests
// under way, until all devices have been canceled.
import { type ServiceError, status } from "@grpc/grpc-js";
import type { CancelTasksByDeviceRequest, CancelTasksByDeviceResponse } from "../src/gen/ota/v1/ota_service.js";
import { type Caller, createCaller } from "../test/support/grpc-caller.js";
import type { ServerProcess } from "./processes.js";

const CALLERS = 50;

/**
 * For each caller: together about five seconds of full calls, and well below the gateway's limit.
 */
const IN_FLIGHT = 200;
const DEADLINE_MS = 600_000;
const WARM_UP_REQUESTS = 5000;

export function callerOf({ grpc }: ServerProcess, name: string): Caller {
  return createCaller(grpc, { "x-ota-caller": name });
}

/** The answer to each request, in the order of their devices; undefined if its rpc failed. */
export async function cancelEach(
  server: ServerProcess,
  deviceNames: readonly string[],
  devicesPerRequest = 1,
): Promise<(CancelTasksByDeviceResponse | undefined)[]> {
  const requests = Array.from({ length: Math.ceil(deviceNames.length / devicesPerRequest) }, (_, n) =>
    deviceNames.slice(n * devicesPerRequest, (n + 1) * devicesPerRequest),
  );
  const callers = Array.from({ length: CALLERS }, (_, n) => callerOf(server, `caller-${n}`));
  // Warms the gateway up, like the services of the peers: requests everything except the sending.
  await askEach(callers, requests.slice(0, WARM_UP_REQUESTS), { validateOnly: true });
  const answers = await askEach(callers, requests, {});
  for (const caller of callers) caller.close();
  return answers;
}

async function askEach(
  callers: readonly Caller[],
  requests: readonly string[][],
  request: Partial<CancelTasksByDeviceRequest>,
): Promise<(CancelTasksByDeviceResponse | undefined)[]> {
  const answers: (CancelTasksByDeviceResponse | undefined)[] = [];
  const failures = new Map<string, number>();
  let next = 0;
  const work = async (caller: Caller) => {
    for (let n = next++; n < requests.length; n = next++) {
      const { answer } = caller.cancel(requests[n] as string[], request, DEADLINE_MS);
      answers[n] = await answer.catch(({ code }: ServiceError) => {
        failures.set(status[code], (failures.get(status[code]) ?? 0) + 1);
        return undefined;
      });
    }
  };
  // In turn, so that all callers have the same number of requests.
  const turns = Array.from({ length: callers.length * IN_FLIGHT }, (_, n) => callers[n % callers.length] as Caller);
  await Promise.all(turns.map(work));
  for (const [code, count] of failures) process.stderr.write(`${count} requests failed with ${code}\n`);
  return answers;
}
