// What an idle gateway adds to a call: a direct call by the gateway's own upstream client and a request
// through the gateway, turn about, against an upstream that answers at once.
import { connect } from "../src/client/client.js";
import { systemClock } from "../src/clock.js";
import { createUpstream } from "../src/upstream/client.js";
import { createCredentials } from "../src/upstream/credentials.js";
import type { Goal } from "./goal.js";
import { median } from "./median.js";
import { KEYS, startGateway, startUpstream } from "./processes.js";

const ROUNDS = 60;
const WARM_UP = 10;

/** Longer than pacing asks for, so that each request finds the gateway idle. */
const PAUSE_MS = 150;

export async function idleLatency(): Promise<Goal[]> {
  const upstream = await startUpstream(0, 0);
  const gateway = await startGateway(upstream);
  const client = connect(gateway.grpc);
  const credentials = createCredentials({ clock: systemClock, env: KEYS });
  const direct = createUpstream({ url: upstream.url, timeoutMs: 10_000, credentials, clock: systemClock });
  const scope = { productKey: "a1Bench", firmwareId: "Bench030100", jobId: "", iotInstanceId: "" };
  const deviceNames = ["device-1"];

  const times = { direct: [] as number[], gateway: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    await pause();
    times.direct.push(await timed(() => direct.cancelTasks({ scope, deviceNames })));
    await pause();
    times.gateway.push(await timed(() => client.cancelTasksByDevice({ ...scope, deviceNames })));
  }
  client.close();
  await direct.close();
  await gateway.stop();
  upstream.stop();
  const addedMs = median(times.gateway.slice(WARM_UP)) - median(times.direct.slice(WARM_UP));
  return [{ name: "idle: ms that the gateway adds at the median", value: addedMs, most: 3 }];
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
