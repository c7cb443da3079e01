// Failures of a real store, and what must not follow from them: more arrivals in any second than
// there are tokens. Three replicas that never run out of work use one ledger. At the end, they go
// on.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, describe, expect, it } from "vitest";
import { sleepUntil, systemClock } from "../../src/base/clock.js";
import { redisUrls } from "../../src/config/values.js";
import { createSharedLedger } from "../../src/limiter/shared/ledger.js";
import { connectStore } from "../../src/limiter/shared/redis.js";
import { mostInAnySecond } from "../support/arrivals.js";
import { createCertificateAuthority } from "../support/certificate-authority.js";
import { FakeLog } from "../support/fake-log.js";
import { until } from "../support/processes.js";
import { endRedis, type RedisServer, startRedis } from "../support/redis.js";
import { startRedisCluster } from "../support/redis-cluster.js";
import { seededRandom } from "../support/seeded-random.js";
import { GROUP, startSentinels } from "../support/sentinels.js";
import { startStrictRedis } from "../support/strict-redis.js";
import { FAKETIME, MALLOC, systemHas } from "../support/system.js";
import { startTcpProxy } from "../support/tcp-proxy.js";
import { trust } from "../support/trust.js";

const CALLS_PER_SECOND = 20;
const CALL_TIMEOUT_MS = 1000;
const OPENING_MS = CALL_TIMEOUT_MS + 2000;
const REPLICAS = 3;
const JITTER_MS = 60;

const authority = createCertificateAuthority();
trust(authority);

afterAll(endRedis);

/** The time that a call takes there and back. */
const onTheWay = (ms: number) => sleepUntil(systemClock, systemClock.now() + ms);

/** Replicas that work until they are stopped. */
async function work(urls: readonly string[]) {
  const random = seededRandom(CALLS_PER_SECOND);
  const arrivals: number[] = [];
  const underWay = new Set<Promise<void>>();
  const ending = new AbortController();
  const replicas = await Promise.all(
    Array.from({ length: REPLICAS }, async (_, n) => {
      const log = new FakeLog();
      const connection = await connectStore(
        urls.map((url) => new URL(url)),
        log,
      );
      const ledger = createSharedLedger({
        clock: systemClock,
        log,
        replica: `r${n}`,
        callsPerSecond: CALLS_PER_SECOND,
        callTimeoutMs: CALL_TIMEOUT_MS,
        onStoreLoss: "closed",
        store: connection.storeOf("default"),
      });
      const call = async () => {
        const token = await ledger.take({ priority: "normal", newcomer: false }, ending.signal);
        if (!token.send()) return;
        const carryOut = async () => {
          await onTheWay(random() * JITTER_MS);
          arrivals.push(systemClock.now());
          await onTheWay(random() * JITTER_MS);
          token.settle({ kind: "answered" });
        };
        const answered = carryOut();
        underWay.add(answered);
        void answered.then(() => underWay.delete(answered));
      };
      const running = (async () => {
        while (!ending.signal.aborted) await call().catch(() => {});
      })();
      return { ledger, connection, running };
    }),
  );
  return {
    arrivals,
    modes: () => replicas.map(({ ledger }) => ledger.state().mode),
    /** Resolves when this many more have arrived. */
    more: async (count: number) => {
      const enough = arrivals.length + count;
      await until(() => arrivals.length >= enough);
    },
    stop: async () => {
      ending.abort();
      await Promise.all(replicas.map(({ running }) => running));
      await Promise.all(underWay);
      await Promise.all(replicas.map(({ ledger }) => ledger.close()));
      for (const { connection } of replicas) connection.close();
      expect(mostInAnySecond(arrivals.toSorted((a, b) => a - b))).toBeLessThanOrEqual(CALLS_PER_SECOND);
    },
  };
}

/** The longest time without an arrival. */
function longestGapMs(arrivals: readonly number[]): number {
  const sorted = arrivals.toSorted((a, b) => a - b);
  return Math.max(...sorted.slice(1).map((ms, n) => ms - (sorted[n] as number)));
}

describe.runIf(systemHas("redis")).concurrent("replicas whose store", () => {
  it("is restarted from an old file open anew", async () => {
    const redis = await startRedis();
    const { arrivals, more, stop } = await work([redis.url]);
    await more(30);
    redis.command("save");
    await more(30);
    await redis.kill();
    await redis.start();
    expect(Number(redis.command("hlen", "ota-gateway:{default}"))).toBeGreaterThan(0); // what the file held
    await more(40);
    await stop();
    expect(longestGapMs(arrivals)).toBeGreaterThanOrEqual(OPENING_MS);
  });

  it("fails over to a replica that lags open anew, and again when it fails back", async () => {
    const [first, second] = await Promise.all([startRedis(), startRedis()]);
    second.command("replicaof", "127.0.0.1", String(first.port));
    const proxy = await startTcpProxy(first.port);
    const { arrivals, more, stop } = await work([`redis://127.0.0.1:${proxy.port}`]);
    await more(30);
    const failOver = (port: number) => {
      proxy.targetPort = port;
      proxy.cut();
      proxy.heal();
    };
    second.command("replicaof", "no", "one"); // from now on it lags
    await more(30);
    failOver(second.port);
    await more(30);
    const before = arrivals.length;
    failOver(first.port);
    await more(40);
    await stop();
    proxy.close();
    expect(longestGapMs(arrivals.slice(0, before))).toBeGreaterThanOrEqual(OPENING_MS);
    expect(longestGapMs(arrivals.slice(before - 1))).toBeGreaterThanOrEqual(OPENING_MS - 500);
  });

  it.runIf(systemHas("faketime"))(
    "has its clock stepped by a second, and by ten, either way, send no more than they may",
    async () => {
      const file = join(mkdtempSync(join(tmpdir(), "ota-gateway-time-")), "time");
      const step = (seconds: number) => writeFileSync(file, `${seconds < 0 ? "" : "+"}${seconds}\n`);
      step(0);
      const variables = {
        LD_PRELOAD: `${MALLOC} ${FAKETIME}`,
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_NO_CACHE: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      };
      const redis = await startRedis([], { variables });
      const { modes, more, stop } = await work([redis.url]);
      await more(25);
      const atFirst = Number(redis.command("time").split("\n")[0]);
      step(1);
      await more(25);
      expect(Number(redis.command("time").split("\n")[0]) - atFirst).toBeGreaterThanOrEqual(2); // it did step
      step(0);
      await more(25);
      for (const seconds of [10, 0]) {
        step(seconds);
        await until(() => modes().includes("opening"));
        await more(25);
      }
      await stop();
    },
  );

  it("is a Cluster find their ledgers in it", async () => {
    const [node] = (await startRedisCluster([])) as [RedisServer];
    const { more, stop } = await work([node.url, node.url]);
    await more(30);
    await stop();
  });

  it("is a Cluster over TLS with certificates for names find it by the names that its nodes announce", async () => {
    const tls = { pair: authority.issue({ dns: ["localhost"] }), ca: authority.cert };
    const named = ["--cluster-announce-hostname", "localhost", "--cluster-preferred-endpoint-type", "hostname"];
    const nodes = await startRedisCluster(named, { tls });
    const { more, stop } = await work(nodes.slice(0, 2).map(({ url }) => url));
    await more(30);
    await stop();
  });

  it("is named by Sentinels follow a failover, open the ledger again, and once more when it fails back", async () => {
    const { primary, replica, sentinels } = await startSentinels("redis-password", "sentinel-password");
    const addresses = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",");
    const url = `redis+sentinel://:redis-password@${addresses}/${GROUP}?sentinelPassword=sentinel-password`;
    const { arrivals, more, stop } = await work(redisUrls(url).map(String));
    await more(30);
    await primary.kill();
    await more(40);
    const before = arrivals.length;
    await primary.start(); // empty, and still a primary in its own eyes, until the Sentinels tell it
    const isReplica = () => {
      try {
        return primary.command("--no-auth-warning", "-a", "redis-password", "role").startsWith("slave");
      } catch {
        return false; // a server that changes its role ends its connections
      }
    };
    await until(async () => isReplica());
    await more(30);
    await replica.kill();
    await more(40);
    await stop();
    expect(longestGapMs(arrivals.slice(0, before))).toBeGreaterThanOrEqual(OPENING_MS);
    expect(longestGapMs(arrivals.slice(before))).toBeGreaterThanOrEqual(OPENING_MS);
  });

  it("checks every script as Alibaba Cloud's does use it as any other", async () => {
    const redis = await startRedis();
    const strict = await startStrictRedis(redis.port);
    const { more, stop } = await work([`redis://127.0.0.1:${strict.port}`]);
    await more(60);
    await redis.kill();
    await redis.start();
    await more(60);
    await stop();
    expect(strict.refusals).toEqual([]);
    const client = new Redis(strict.port, { protocol: 2, disableClientInfo: true });
    const refused = client.eval("local key = KEYS[1] return redis.call('get', key)", 1, "x");
    await expect(refused).rejects.toThrow(/^ERR bad lua script .*KEYS array/);
    client.disconnect();
    strict.close();
  });
});
