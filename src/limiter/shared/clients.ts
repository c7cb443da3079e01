// Opens the clients of the store: of one server, of a Cluster, or of the primary that Sentinels
// name. Reports the true error of each connection. The library keeps some of them to itself, and
// says only that it could not refresh its slots or that a connection is closed.
import type { EventEmitter } from "node:events";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import { COMMAND_TIMEOUT_MS } from "./store.js";

/** A client for commands, and one that only listens. */
export type Clients = readonly [commands: Redis | Cluster, wakeUps: Redis | Cluster];

type Tell = (error: Error) => void;

/** Without the option that decides the type of a client. */
type Options = Omit<RedisOptions, "replyMapping">;

/** For commands: a command that cannot be sent now fails now, and nothing is sent twice. */
const IMPATIENT = { enableOfflineQueue: false, autoResendUnfulfilledCommands: false } satisfies RedisOptions;

/** The proxies of managed services refuse HELLO and CLIENT SETINFO, which nothing here needs. */
const PLAIN = { protocol: 2, disableClientInfo: true } satisfies RedisOptions;

const CONNECTION = {
  ...PLAIN,
  connectTimeout: COMMAND_TIMEOUT_MS,
  maxRetriesPerRequest: null,
  retryStrategy: (attempt: number) => Math.min(50 * 2 ** attempt, 500) * (0.5 + Math.random() / 2),
  // After a failover, the old primary still answers but refuses writes.
  reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
} satisfies RedisOptions;

/** The library says these in place of the cause. */
const SUMMARIES = /^(Connection is closed|Failed to refresh slots cache|All sentinels are unreachable)/;

/** `tell` is called with the cause of each failure to connect. */
export function openClients(urls: readonly URL[], tell: Tell): Clients {
  const [first] = urls as [URL];
  const open = first.protocol.includes("sentinel") ? sentinels : urls.length > 1 ? cluster : single;
  const clients = open(urls, tell);
  // Without a listener, an error would end the process. The ledger reports the consequences.
  for (const each of clients as readonly EventEmitter[]) {
    each.on("error", (error: Error) => {
      if (!SUMMARIES.test(error.message)) tell(error);
    });
  }
  return clients;
}

/**
 * Closes the connections of a client. A handshake that is ended halfway can report a second error;
 * without a listener, that would end the process.
 */
export function disconnect(client: Redis | Cluster, then: "reconnect" | "end"): void {
  const connections = client instanceof Cluster ? client.nodes() : [client];
  for (const { stream } of connections) stream?.on("error", () => {});
  client.disconnect(then === "reconnect");
}

function single(urls: readonly URL[]): Clients {
  const commands = new Redis(String(urls[0]), { ...CONNECTION, ...IMPATIENT });
  return [commands, commands.duplicate({ enableOfflineQueue: true })];
}

function cluster(urls: readonly URL[], tell: Tell): Clients {
  const [first] = urls as [URL];
  const redisOptions = {
    ...credentialsOf(first),
    ...tlsOf(first),
    connectTimeout: COMMAND_TIMEOUT_MS,
    ...PLAIN,
  };
  const create = (enableOfflineQueue: boolean) => {
    const client = new Cluster(urls.map(nodeOf), {
      redisOptions,
      enableOfflineQueue,
      clusterRetryStrategy: CONNECTION.retryStrategy,
      // Names stay names: certificates are for them.
      dnsLookup: (name, callback) => callback(null, name),
    });
    const askWhy = causeFinder(redisOptions, tell);
    client.on("node error", (error: Error, address: string) => {
      if (SUMMARIES.test(error.message)) askWhy(address);
      else tell(error);
    });
    return client;
  };
  return [create(false), create(true)];
}

function sentinels(urls: readonly URL[], tell: Tell): Clients {
  const [first] = urls as [URL];
  const [, group = "", db = "0"] = first.pathname.split("/");
  const { username, password } = sentinelCredentialsOf(first);
  const create = (options: Options) => {
    const all: Options = {
      ...CONNECTION,
      ...credentialsOf(first),
      ...tlsOf(first),
      sentinels: urls.map(nodeOf).map(({ host, port }) => ({ host, port: port ?? 26_379 })),
      name: decodeURIComponent(group),
      db: Number(db),
      ...(username && { sentinelUsername: username }),
      ...(password && { sentinelPassword: password }),
      ...(first.protocol.startsWith("rediss") && { sentinelTLS: {}, enableTLSForSentinelMode: true }),
      sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
      sentinelRetryStrategy: CONNECTION.retryStrategy,
      ...options,
    };
    const client = new Redis(all);
    const askWhy = causeFinder({ ...(username && { username }), ...(password && { password }), ...tlsOf(first) }, tell);
    client.on("sentinelError", (error: Error) => {
      const [, address = "", cause = ""] = /sentinel (\S+) because (.*)/s.exec(error.message) ?? [];
      if (SUMMARIES.test(cause)) askWhy(address);
      else tell(cause ? new Error(`the Sentinel at ${address}: ${cause}`) : error);
    });
    return client;
  };
  return [create(IMPATIENT), create({})];
}

/**
 * Finds out why a connection was closed, by connecting once more to the same address: one at a
 * time.
 */
function causeFinder(options: Options, tell: Tell): (address: string) => void {
  let isAsking = false;
  return (address) => {
    if (isAsking) return;
    isAsking = true;
    const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(address) ?? [];
    const once: Options = {
      ...PLAIN,
      ...options,
      host,
      port: Number(port),
      connectTimeout: COMMAND_TIMEOUT_MS,
      enableReadyCheck: false,
      retryStrategy: null,
      lazyConnect: true,
    };
    const attempt = new Redis(once);
    attempt.on("error", tell);
    void attempt
      .connect()
      .catch(() => {})
      .then(() => {
        isAsking = false;
        disconnect(attempt, "end");
      });
  };
}

function nodeOf({ hostname, port }: URL): { host: string; port?: number } {
  return { host: hostname.replace(/^\[|\]$/g, ""), ...(port && { port: Number(port) }) };
}

function credentialsOf({ username, password }: URL): Pick<RedisOptions, "username" | "password"> {
  return {
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
  };
}

function sentinelCredentialsOf({ searchParams }: URL): { username: string | null; password: string | null } {
  return { username: searchParams.get("sentinelUsername"), password: searchParams.get("sentinelPassword") };
}

function tlsOf({ protocol }: URL): Pick<RedisOptions, "tls"> {
  return protocol.startsWith("rediss") ? { tls: {} } : {};
}
