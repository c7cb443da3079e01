// The store of shared ledgers: Redis or Valkey, alone or as a Cluster. One connection for commands and one for
// wake-ups serve all accounts; each ledger has one key, so that a Cluster can place them apart.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import { systemClock } from "../../base/clock.js";
import { DeadlineExceeded, withDeadline } from "../../base/deadline.js";
import type { Log } from "../../base/log.js";
import { passwordsHidden } from "./passwords.js";
import { LEDGER_SCRIPT } from "./script.js";
import { COMMAND_TIMEOUT_MS, type Store } from "./store.js";

/** A connection to the store, which comes back by itself whenever it is lost. */
export interface StoreConnection {
  storeOf(account: string): Store;
  close(): void;
}

const SCRIPT_SHA = createHash("sha1").update(LEDGER_SCRIPT).digest("hex");

// By time and not by counting: an account has several ledgers, and all of them use the one connection.

/** No command has had an answer for so long, and the connection is taken for dead. */
const LONGEST_SILENCE_MS = 2 * COMMAND_TIMEOUT_MS;

/** A connection that is not ready for so long is given up for another. */
const LONGEST_UNREADY_MS = 4000;

/**
 * Connects to `redis://` or `rediss://host:port`; several addresses, with commas between them, are nodes of a
 * Cluster. Resolves once it is connected, or after a second: it goes on trying.
 */
export async function connectStore(urls: readonly URL[], log: Log): Promise<StoreConnection> {
  const [commands, wakeUps] = urls.length > 1 ? cluster(urls) : single(urls);
  const wakeOf = new Map<string, (message: string) => void>();
  let silentSinceMs = Infinity;
  let unreadySinceMs = Infinity;
  let trouble = "";
  const hidden = passwordsHidden(urls);
  // Without a listener an error would end the process; what follows from it is told by the ledger.
  for (const each of [commands, wakeUps]) {
    each.on("error", (error: Error) => {
      trouble = hidden(error.message || error.name);
      log.debug({ cause: trouble }, "connection to the ledger's store");
    });
  }
  wakeUps.on("message", (channel: string, message: string) => wakeOf.get(channel)?.(message));

  /** Both: what the one cannot reach, the other only seems to. */
  const reconnect = () => {
    silentSinceMs = Infinity;
    unreadySinceMs = Infinity;
    commands.disconnect(true);
    wakeUps.disconnect(true);
  };

  /** A frozen server takes connections, and never says that it is ready. */
  const checkReady = (nowMs: number) => {
    const isReady = commands.status === "ready";
    unreadySinceMs = isReady ? Infinity : Math.min(unreadySinceMs, nowMs);
    if (nowMs - unreadySinceMs >= LONGEST_UNREADY_MS) reconnect();
    if (!isReady) throw new Error(trouble ? `not connected: ${trouble}` : "not connected");
  };

  const run = async (key: string, args: readonly string[]): Promise<unknown> => {
    const sentMs = performance.now();
    checkReady(sentMs);
    silentSinceMs = Math.min(silentSinceMs, sentMs);
    try {
      const reply = await inTime(evaluate(commands, key, args));
      silentSinceMs = Infinity;
      return reply;
    } catch (error) {
      // A network that has swallowed packets may take minutes to notice by itself.
      const isSilent = performance.now() - silentSinceMs >= LONGEST_SILENCE_MS;
      if (error instanceof DeadlineExceeded && isSilent) reconnect();
      throw error;
    }
  };

  await inTime(once(commands, "ready")).catch(() => {});
  return {
    storeOf(account) {
      const key = `ota-gateway:{${account}}`;
      return {
        run: (args) => run(key, args),
        onWake(wake) {
          wakeOf.set(`${key}:wake`, wake);
          wakeUps.subscribe(`${key}:wake`).catch(() => {}); // it subscribes again with each new connection
        },
      };
    },
    close() {
      commands.disconnect();
      wakeUps.disconnect();
    },
  };
}

/** By its hash, which costs less than its text; a server that has been restarted must be told the text again. */
async function evaluate(client: Redis | Cluster, key: string, args: readonly string[]): Promise<unknown> {
  try {
    return await client.evalsha(SCRIPT_SHA, 1, key, ...args);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
    return client.eval(LEDGER_SCRIPT, 1, key, ...args);
  }
}

function inTime<T>(work: Promise<T>): Promise<T> {
  const message = `no answer within ${COMMAND_TIMEOUT_MS} ms`;
  return withDeadline(systemClock, systemClock.now() + COMMAND_TIMEOUT_MS, work, { message });
}

/** For commands: what cannot be sent now fails now, and nothing is sent twice. */
const IMPATIENT = { enableOfflineQueue: false, autoResendUnfulfilledCommands: false } satisfies RedisOptions;

const CONNECTION = {
  connectTimeout: COMMAND_TIMEOUT_MS,
  maxRetriesPerRequest: null,
  retryStrategy: (attempt: number) => Math.min(50 * 2 ** attempt, 500) * (0.5 + Math.random() / 2),
  // After a failover the old primary is still there, and refuses to write.
  reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
} satisfies RedisOptions;

function single(urls: readonly URL[]): [Redis, Redis] {
  const commands = new Redis(String(urls[0]), { ...CONNECTION, ...IMPATIENT });
  return [commands, commands.duplicate({ enableOfflineQueue: true })];
}

function cluster(urls: readonly URL[]): [Cluster, Cluster] {
  const [{ protocol, username, password }] = urls as [URL];
  const redisOptions = {
    connectTimeout: CONNECTION.connectTimeout,
    ...(protocol === "rediss:" && { tls: {} }),
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
  };
  const nodes = urls.map(({ hostname, port }) => ({ host: hostname, port: Number(port || 6379) }));
  const create = (enableOfflineQueue: boolean) =>
    new Cluster(nodes, { redisOptions, enableOfflineQueue, clusterRetryStrategy: CONNECTION.retryStrategy });
  return [create(false), create(true)];
}
