// (d) The queue of rate-limiter-flexible: a call waits until it can take one of ten points a
// second.
import { Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterQueue, RateLimiterRedis } from "rate-limiter-flexible";
import { CALLS_PER_SECOND, type CreatePeer } from "./peer.js";
import { retrying } from "./retry.js";

export const rateLimiterFlexible: CreatePeer = ({ cancelTasks, redisUrl, isShared }) => {
  const options = { points: CALLS_PER_SECOND, duration: 1 };
  const limiter = isShared
    ? new RateLimiterRedis({ ...options, storeClient: new Redis(redisUrl) })
    : new RateLimiterMemory(options);
  const queue = new RateLimiterQueue(limiter);
  const cancel = async (deviceName: string) => {
    await queue.removeTokens(1);
    await cancelTasks([deviceName]);
  };
  return { cancel: (deviceName) => retrying(() => cancel(deviceName)) };
};
