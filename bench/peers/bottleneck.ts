// (b) and (c) Bottleneck, with its two ways to limit a rate: a reservoir that is refilled each
// second, and a minimum time between two calls. Across processes both keep their state in Redis, as
// its README shows under Clustering.
import Bottleneck from "bottleneck";
import { Redis } from "ioredis";
import { CALLS_PER_SECOND, type CreatePeer, type Surroundings } from "./peer.js";
import { retryAfterMs } from "./retry.js";

const RESERVOIR: Bottleneck.ConstructorOptions = {
  reservoir: CALLS_PER_SECOND,
  reservoirRefreshAmount: CALLS_PER_SECOND,
  reservoirRefreshInterval: 1000,
};
const MIN_TIME: Bottleneck.ConstructorOptions = { minTime: 1000 / CALLS_PER_SECOND };

export const reservoir: CreatePeer = (surroundings) => oneByOne(surroundings, RESERVOIR);
export const minTime: CreatePeer = (surroundings) => oneByOne(surroundings, MIN_TIME);

export function minTimeLimiter(surroundings: Surroundings): Bottleneck {
  return limiterOf(surroundings, MIN_TIME);
}

function oneByOne(surroundings: Surroundings, options: Bottleneck.ConstructorOptions) {
  const limiter = limiterOf(surroundings, options);
  return { cancel: (deviceName: string) => limiter.schedule(() => surroundings.cancelTasks([deviceName])) };
}

function limiterOf({ isShared, redisUrl }: Surroundings, options: Bottleneck.ConstructorOptions): Bottleneck {
  const { hostname: host, port } = new URL(redisUrl || "redis://none");
  const clustering = { id: "cancel-tasks", datastore: "ioredis", Redis, clientOptions: { host, port: Number(port) } };
  const limiter = new Bottleneck({ ...options, ...(isShared && clustering) });
  limiter.on("failed", async (error, { retryCount }) => retryAfterMs(error, retryCount));
  return limiter;
}
