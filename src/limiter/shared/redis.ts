// The store of shared ledgers: Redis or Valkey, standalone, Cluster or behind Sentinels. All
// accounts share one connection for commands and one for wake-ups. Each ledger has a single key, so
// that a Cluster can distribute them.
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Cluster, Redis } from "ioredis";
import { systemClock } from "../../base/clock.js";
import { DeadlineExceeded, withDeadline } from "../../base/deadline.js";
import type { Log } from "../../base/log.js";
import { disconnect, openClients } from "./clients.js";
import { Heartbeats } from "./heartbeats.js";
import { LEDGER_SCRIPT } from "./ledger-script.js";
import { passwordsHidden } from "./passwords.js";
import { COMMAND_TIMEOUT_MS, type Store } from "./store.js";

/** A connection to the store that recovers by itself. */
export interface StoreConnection {
  storeOf(account: string): Store;
  close(): void;
}

const SCRIPT_SHA = createHash("sha1").update(LEDGER_SCRIPT).digest("hex");

// By time and not by counting: an account has several ledgers, and all of them use the one
// connection.

/** A connection without any answer for this long is considered dead. */
const LONGEST_SILENCE_MS = 2 * COMMAND_TIMEOUT_MS;

/** A connection that is not ready after this long is replaced. */
const LONGEST_UNREADY_MS = 4000;

/**
 * Connects to `redis://` or `rediss://host:port`; several addresses are nodes of a Cluster, and
 * those of `redis+sentinel://host:port/group` are Sentinels. Resolves once connected, or after a
 * second while it keeps trying.
 */
export async function connectStore(urls: readonly URL[], log: Log): Promise<StoreConnection> {
  const wakeOf = new Map<string, (message: string) => void>();
  let silentSinceMs = Infinity;
  let unreadySinceMs = Infinity;
  let trouble = "";
  let isRefused = false;
  let isClosed = false;
  const hidden = passwordsHidden(urls);
  const [commands, wakeUps] = openClients(urls, (error) => {
    trouble = hidden(textOf(error));
    log.debug({ cause: trouble }, "connection to the ledger's store");
  });
  commands.on("ready", () => {
    trouble = "";
  });
  commands.on("close", () => {
    trouble ||= "the server closed the connection";
  });
  wakeUps.on("message", (channel: string, message: string) => wakeOf.get(channel)?.(message));
  wakeUps.on("ready", () => {
    for (const channel of wakeOf.keys()) subscribe(channel);
  });

  /** Replicas work without wake-ups, only more slowly. */
  const wakeUpsFailed = (error: Error) => {
    if (isRefused || !isReply(error)) return; // otherwise the connection is away, which is reported
    isRefused = true;
    log.warn(
      { cause: hidden(error.message) },
      "replicas cannot wake each other through the ledger's store; they ask it twice a second instead",
    );
  };
  const subscribe = (channel: string) => void wakeUps.subscribe(channel).catch(wakeUpsFailed);

  /** Replaces both connections: if one cannot reach the server, the other only seems to. */
  const reconnect = () => {
    // A client that was ended stays so: each attempt would leave a listener on its last socket.
    if (isClosed) return;
    silentSinceMs = Infinity;
    unreadySinceMs = Infinity;
    trouble ||= "the server does not answer";
    for (const each of [commands, wakeUps]) {
      // An attempt to connect ends by itself. To end one that asks Sentinels would end the client.
      if (each.isCluster || each.status !== "connecting") disconnect(each, "reconnect");
    }
  };

  /** A frozen server accepts connections but never reports ready. */
  const checkReady = (nowMs: number) => {
    if (isClosed) throw new Error("the connection has been closed");
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
      // A network that drops packets may take minutes to report it.
      const isSilent = performance.now() - silentSinceMs >= LONGEST_SILENCE_MS;
      const isLate = error instanceof DeadlineExceeded;
      if (isLate && isSilent) reconnect();
      throw new Error([hidden(textOf(error as Error)), ...(trouble && isLate ? [trouble] : [])].join(": "));
    }
  };

  const heartbeats = new Heartbeats(systemClock);
  await inTime(once(commands, "ready")).catch(() => {});
  return {
    storeOf(account) {
      const key = `ota-gateway:{${account}}`;
      return {
        heartbeats,
        run: (args) => run(key, args),
        wake: (message) => void commands.publish(`${key}:wake`, message).catch(wakeUpsFailed),
        onWake(wake) {
          wakeOf.set(`${key}:wake`, wake);
          subscribe(`${key}:wake`);
        },
      };
    },
    close() {
      isClosed = true;
      for (const each of [commands, wakeUps]) disconnect(each, "end");
    },
  };
}

/**
 * Runs the script by its hash, which is cheaper than its text. A restarted server needs the text
 * again.
 */
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

/** Node tries all addresses of a name, and reports the failures without a message of their own. */
function textOf(error: Error): string {
  const all = error instanceof AggregateError ? (error.errors as Error[]) : [error];
  return all.map(({ message, name }) => message || name).join("; ");
}

/** Whether the store itself says so. */
function isReply(error: Error): boolean {
  return error.name === "ReplyError";
}
