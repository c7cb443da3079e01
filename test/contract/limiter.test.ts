// The contract of all ledgers, tested in real time because they rest on timers of libraries and
// servers. Several limiters over one ledger stand for several replicas; the in-process ledger has
// one.
import { afterAll, describe, expect, it } from "vitest";
import { sleepUntil, systemClock } from "../../src/base/clock.js";
import type { Limiter, Token, Wish } from "../../src/gateway/limiter.js";
import { createInProcessLedger } from "../../src/limiter/in-process.js";
import { createSharedLedger } from "../../src/limiter/shared/ledger.js";
import { connectStore, type StoreConnection } from "../../src/limiter/shared/redis.js";
import { mostInAnySecond } from "../support/arrivals.js";
import { FakeLog } from "../support/fake-log.js";
import { until } from "../support/processes.js";
import { endRedis, type Product, startRedis } from "../support/redis.js";
import { seededRandom } from "../support/seeded-random.js";
import { type StrictRedis, startStrictRedis } from "../support/strict-redis.js";
import { systemHas } from "../support/system.js";

const CALLS_PER_SECOND = 20;
const CALL_TIMEOUT_MS = 1000;
const CALLS = 90;
const JITTER_MS = 80;
const NORMAL: Wish = { priority: "normal", newcomer: false };
const never = new AbortController().signal;
const options = { clock: systemClock, callsPerSecond: CALLS_PER_SECOND, callTimeoutMs: CALL_TIMEOUT_MS };

const connections: StoreConnection[] = [];
afterAll(async () => {
  for (const connection of connections) connection.close();
  for (const server of servers.values()) (await server).close();
  await endRedis();
});

const servers = new Map<Product, Promise<StrictRedis>>();
let accounts = 0;

/** Limiters over one new ledger. */
type Create = () => Promise<readonly [Limiter, ...Limiter[]]>;

/** A real server, behind a proxy that is as strict as Alibaba Cloud's. */
function sharedOn(product: Product, onStoreLoss: "closed" | "share", replicas: number): Create {
  return async () => {
    const server = servers.get(product) ?? startRedis([], { product }).then(({ port }) => startStrictRedis(port));
    servers.set(product, server);
    const url = new URL(`redis://127.0.0.1:${(await server).port}`);
    const account = `account-${++accounts}`;
    const create = async (_: unknown, n: number) => {
      const log = new FakeLog();
      const connection = await connectStore([url], log);
      connections.push(connection);
      return createSharedLedger({ ...options, log, replica: `r${n}`, onStoreLoss, store: connection.storeOf(account) });
    };
    return (await Promise.all(Array.from({ length: replicas }, create))) as [Limiter, ...Limiter[]];
  };
}

const ledgers: Record<string, Create> = {
  "in process": async () => [createInProcessLedger(options)],
  ...(systemHas("redis") && {
    "in Redis, of one replica": sharedOn("redis", "closed", 1),
    "in Redis, of three replicas": sharedOn("redis", "closed", 3),
    "in Redis, of two that share without it": sharedOn("redis", "share", 2),
  }),
  ...(systemHas("valkey") && { "in Valkey, of three replicas": sharedOn("valkey", "closed", 3) }),
};

describe.concurrent.each(Object.entries(ledgers))("a ledger %s", (_, create) => {
  /** The time that a call takes there and back. */
  const onTheWay = (ms: number) => sleepUntil(systemClock, systemClock.now() + ms);

  it("lets no second hold more than N arrivals, however calls are delayed, and loses no token", async () => {
    const random = seededRandom(CALLS);
    const limiters = await create();
    const arrivals: number[] = [];
    let left = CALLS;
    const work = async (limiter: Limiter) => {
      const underWay: Promise<void>[] = [];
      while (left > 0) {
        const token = await limiter.take(NORMAL, never);
        if (left === 0) token.settle({ kind: "unwritten" });
        // On a busy machine a grant can be too old to be used.
        if (left === 0 || !token.send()) continue;
        left--;
        const call = async () => {
          await onTheWay(random() * JITTER_MS);
          arrivals.push(systemClock.now());
          await onTheWay(random() * JITTER_MS);
          token.settle({ kind: "answered" });
        };
        underWay.push(call());
      }
      await Promise.all(underWay);
    };
    await Promise.all(limiters.map(work));
    expect(arrivals).toHaveLength(CALLS);
    expect(mostInAnySecond(arrivals)).toBeLessThanOrEqual(CALLS_PER_SECOND);
    // All of them are available at once: none has been lost.
    const [last] = limiters;
    const tokens: Token[] = [];
    for (let n = 0; n < CALLS_PER_SECOND; n++) tokens.push(await last.take(NORMAL, never));
    for (const token of tokens) token.settle({ kind: "unwritten" });
    await Promise.all(limiters.map((limiter) => limiter.close()));
  });

  it("opens with all tokens out, and gives back what is not needed", async () => {
    const startedMs = systemClock.now();
    const [limiter, ...others] = await create();
    const first = await limiter.take({ ...NORMAL, newcomer: true }, never);
    expect(systemClock.now() - startedMs).toBeGreaterThanOrEqual(1990);
    first.settle({ kind: "unwritten" });
    // All tokens and one more, one after the other. The test under the hand clock shows that this
    // takes less than a second.
    for (let n = 0; n < CALLS_PER_SECOND + 1; n++) (await limiter.take(NORMAL, never)).settle({ kind: "unwritten" });
    for (const each of [limiter, ...others]) await each.close();
  });

  it("pauses for everybody when one call is throttled, and yields a token", async () => {
    const limiters = await create();
    const [limiter] = limiters;
    const last = limiters.at(-1) as Limiter;
    let token = await limiter.take(NORMAL, never);
    while (!token.send()) token = await limiter.take(NORMAL, never); // on a busy machine a grant can be too old
    const throttledMs = systemClock.now();
    token.settle({ kind: "throttled", retryAfterMs: 3000 }); // replicas that want nothing ask once a second
    await until(() => last.state().pausedUntilMs > systemClock.now()); // it has heard of it
    const paused = await last.take({ ...NORMAL, newcomer: true }, never);
    expect(systemClock.now() - throttledMs).toBeGreaterThanOrEqual(2990);
    paused.settle({ kind: "unwritten" });
    expect(last.state().withheld).toBe(1);
    for (const each of limiters) await each.close();
  });

  it("takes nothing for who leaves, and refuses everybody when it is closed", async () => {
    const [limiter, ...others] = await create();
    const leaving = new AbortController();
    const left = limiter.take(NORMAL, leaving.signal);
    leaving.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    const waiting = limiter.take(NORMAL, never);
    waiting.catch(() => {});
    await limiter.close();
    await expect(waiting).rejects.toThrow("closed");
    await expect(limiter.take(NORMAL, never)).rejects.toThrow("closed");
    for (const each of others) await each.close();
  });
});
