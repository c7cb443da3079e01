// (f) BullMQ: services add jobs to a queue in Redis, and a worker with a limiter processes them.
import { Queue, QueueEvents, Worker } from "bullmq";
import { CALLS_PER_SECOND, type CreatePeer } from "./peer.js";

export const bullmq: CreatePeer = ({ cancelTasks, redisUrl }) => {
  const { hostname: host, port } = new URL(redisUrl);
  // BullMQ requires this of a worker's connection.
  const connection = { host, port: Number(port), maxRetriesPerRequest: null };
  const defaultJobOptions = { attempts: 6, backoff: { type: "exponential", delay: 1000 }, removeOnComplete: true };
  const queue = new Queue<{ deviceName: string }>("cancel-tasks", { connection, defaultJobOptions });
  const events = new QueueEvents("cancel-tasks", { connection });
  for (const each of [queue, events]) each.setMaxListeners(0); // one listener for each awaited job
  const worker = new Worker<{ deviceName: string }>("cancel-tasks", ({ data }) => cancelTasks([data.deviceName]), {
    connection,
    concurrency: CALLS_PER_SECOND,
    limiter: { max: CALLS_PER_SECOND, duration: 1000 },
  });
  return {
    async cancel(deviceName) {
      await events.waitUntilReady();
      const job = await queue.add("cancel", { deviceName });
      await job.waitUntilFinished(events);
    },
    async close() {
      await Promise.all([worker.close(), events.close(), queue.close()]);
    },
  };
};
