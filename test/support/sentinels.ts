// Starts a primary, its replica, and three Sentinels that let the replica take over.
import { until } from "./processes.js";
import { type RedisServer, startRedis } from "./redis.js";

export const GROUP = "ota-ledger";

export interface Watched {
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  readonly sentinels: readonly RedisServer[];
}

/** All of them demand a password: the servers one, and the Sentinels another. */
export async function startSentinels(password: string, sentinelPassword: string): Promise<Watched> {
  const secured = ["--requirepass", password, "--masterauth", password];
  const primary = await startRedis(secured);
  const replica = await startRedis([...secured, "--replicaof", "127.0.0.1", String(primary.port)]);
  const lines = [
    `sentinel monitor ${GROUP} 127.0.0.1 ${primary.port} 2`,
    `sentinel auth-pass ${GROUP} ${password}`,
    `sentinel down-after-milliseconds ${GROUP} 1000`,
    `sentinel failover-timeout ${GROUP} 3000`,
    `requirepass ${sentinelPassword}`,
  ];
  const sentinels = await Promise.all(Array.from({ length: 3 }, () => startRedis([], { sentinel: lines })));
  const knowsAll = (sentinel: RedisServer) => {
    const told = sentinel.command("--no-auth-warning", "-a", sentinelPassword, "sentinel", "master", GROUP);
    return /num-slaves\n1\nnum-other-sentinels\n2\n/.test(told);
  };
  await until(async () => sentinels.every(knowsAll));
  return { primary, replica, sentinels };
}
