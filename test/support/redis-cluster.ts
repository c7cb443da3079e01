// Starts a real Redis Cluster of three nodes.
import { freePort } from "./free-port.js";
import { until } from "./processes.js";
import { type RedisOptions, type RedisServer, startRedis } from "./redis.js";

const SLOTS = 16_384;

/** `options` are for the command line of each node. */
export async function startRedisCluster(
  options: readonly string[],
  { tls }: Pick<RedisOptions, "tls"> = {},
): Promise<readonly RedisServer[]> {
  const create = async () => {
    const busPort = await freePort(); // by default 10,000 more than the port, which may be too high
    const own = [
      "--cluster-enabled",
      "yes",
      "--cluster-port",
      String(busPort),
      ...(tls ? ["--tls-cluster", "yes"] : []),
    ];
    return { busPort, node: await startRedis([...own, ...options], { ...(tls && { tls }) }) };
  };
  const nodes = await Promise.all([create(), create(), create()]);
  for (const [n, { node }] of nodes.entries()) {
    const [from, to] = [n, n + 1].map((part) => Math.floor((SLOTS * part) / nodes.length)) as [number, number];
    node.command("cluster", "addslotsrange", String(from), String(to - 1));
    for (const other of nodes)
      if (other.node !== node)
        node.command("cluster", "meet", "127.0.0.1", String(other.node.port), String(other.busPort));
  }
  const knowsAll = ({ node }: (typeof nodes)[number]) => {
    const info = node.command("cluster", "info");
    return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${nodes.length}`);
  };
  await until(async () => nodes.every(knowsAll));
  return nodes.map(({ node }) => node);
}
