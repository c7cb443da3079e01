// Why a real store cannot be used: the log and readiness name the cause that an operator can act
// on, for every kind of address, and never a password.
import { setImmediate } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { redisUrls } from "../../src/config/values.js";
import { connectStore, type StoreConnection } from "../../src/limiter/shared/redis.js";
import { createCertificateAuthority } from "../support/certificate-authority.js";
import { FakeLog } from "../support/fake-log.js";
import { until } from "../support/processes.js";
import { endRedis, type RedisServer, startRedis } from "../support/redis.js";
import { startRedisCluster } from "../support/redis-cluster.js";
import { GROUP, startSentinels } from "../support/sentinels.js";
import { systemHas } from "../support/system.js";
import { trust } from "../support/trust.js";

/** Nobody listens there. */
const CLOSED_PORT = 1;

const PASSWORD = "S3cret/of+Redis";
const SENTINEL_PASSWORD = "S3cret-of-Sentinels";

const authority = createCertificateAuthority();
trust(authority);
const tls = { pair: authority.issue({ dns: ["localhost"] }), ca: authority.cert };
const stranger = createCertificateAuthority("stranger");
const strangersTls = { pair: stranger.issue({ dns: ["localhost"] }), ca: stranger.cert };

const CLOSED = /the connection has been closed/;

let connection: StoreConnection | undefined;
afterEach(() => connection?.close());
afterAll(endRedis);

/** Resolves once a command fails for this reason. */
async function expectCause(text: string, cause: RegExp): Promise<void> {
  const log = new FakeLog();
  connection = await connectStore(redisUrls(text), log);
  const store = connection.storeOf("default");
  const told: string[] = [];
  await until(async () => {
    const why = await store.run([]).then(String, (error: Error) => error.message);
    told.push(why);
    if (CLOSED.test(why)) throw new Error(`its test is over; it said ${[...new Set(told)].join()}`);
    return cause.test(why);
  });
  expect(`${told.join()} ${JSON.stringify(log.lines)}`).not.toMatch(/S3cret/);
}

const encoded = encodeURIComponent(PASSWORD);

describe.runIf(systemHas("redis"))("a store that cannot be used says why, if it is", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis(["--requirepass", PASSWORD]);
  });

  it("one server", async () => {
    await expectCause(`redis://127.0.0.1:${CLOSED_PORT}`, /ECONNREFUSED 127\.0\.0\.1/);
    connection?.close();
    await expectCause(`redis://:S3cret@127.0.0.1:${server.port}`, /WRONGPASS/);
    connection?.close();
    await expectCause(`redis://127.0.0.1:${server.port}`, /NOAUTH/);
    connection?.close();
    server.command("--no-auth-warning", "-a", PASSWORD, "acl", "setuser", "poor", "on", `>${PASSWORD}`, "+info");
    await expectCause(`redis://poor:${encoded}@127.0.0.1:${server.port}`, /NOPERM .*evalsha/);
    connection?.close();
    await expectCause(`rediss://127.0.0.1:${server.port}`, /SSL|TLS|closed|ETIMEDOUT/);
  });

  it("a server with TLS", async () => {
    const [ours, other] = await Promise.all([startRedis([], { tls }), startRedis([], { tls: strangersTls })]);
    await expectCause(`rediss://127.0.0.1:${ours.port}`, /does not match certificate's altnames/);
    connection?.close();
    await expectCause(`rediss://localhost:${other.port}`, /certificate/);
    connection?.close();
    await expectCause(`redis://localhost:${ours.port}`, /closed the connection|ECONNRESET/);
  });

  it("a store that was closed, which is left alone (was: each attempt left a listener on its last socket)", async () => {
    const closed = await connectStore([new URL(server.url)], new FakeLog());
    closed.close();
    await expect(closed.storeOf("default").run([])).rejects.toThrow(CLOSED);
  });

  it("a server with TLS, also if the gateway ends in the middle of a handshake (was: an uncaught error)", async () => {
    const { url } = await startRedis([], { tls: strangersTls });
    for (let turns = 0; turns < 60; turns++) {
      const closing = await connectStore([new URL(url)], new FakeLog());
      for (let n = 0; n < turns; n++) await setImmediate(); // each a little later in the next handshake
      closing.close();
    }
  });

  it("a Cluster (was: Failed to refresh slots cache)", async () => {
    await expectCause(`redis://127.0.0.1:${CLOSED_PORT},redis://127.0.0.1:${CLOSED_PORT}`, /ECONNREFUSED/);
    connection?.close();
    const address = `127.0.0.1:${server.port}`;
    await expectCause(`redis://:S3cret@${address},redis://:S3cret@${address}`, /WRONGPASS/);
    connection?.close();
    await expectCause(`redis://:${encoded}@${address},redis://${address}`, /cluster support disabled/);
    connection?.close();
    const whole = [`redis://poor:${encoded}@${address}`, `redis://${address}`].join();
    await expectCause(whole, /NOPERM .*cluster/);
    connection?.close();
    const [node] = (await startRedisCluster(["--cluster-announce-hostname", "localhost"], { tls })) as [RedisServer];
    await expectCause(`${node.url},${node.url}`, /does not match certificate's altnames: IP: 127\.0\.0\.1/);
  });

  it("behind Sentinels (was: Connection is closed)", async () => {
    const { sentinels, primary, replica } = await startSentinels(PASSWORD, SENTINEL_PASSWORD);
    const at = sentinels.map(({ port }) => `127.0.0.1:${port}`).join();
    const sentinelPassword = `sentinelPassword=${SENTINEL_PASSWORD}`;
    await expectCause(`redis+sentinel://127.0.0.1:${CLOSED_PORT},127.0.0.1:${CLOSED_PORT}/${GROUP}`, /ECONNREFUSED/);
    connection?.close();
    await expectCause(`redis+sentinel://${at}/${GROUP}?sentinelPassword=S3cret`, /Sentinel .*WRONGPASS/);
    connection?.close();
    await expectCause(`redis+sentinel://${at}/${GROUP}`, /Sentinel .*NOAUTH/);
    connection?.close();
    await expectCause(`redis+sentinel://:${encoded}@${at}/nobody?${sentinelPassword}`, /Sentinel .*No such master/);
    connection?.close();
    await expectCause(`redis+sentinel://:S3cret@${at}/${GROUP}?${sentinelPassword}`, /WRONGPASS/);
    connection?.close();
    await Promise.all([primary.kill(), replica.kill()]);
    await expectCause(`redis+sentinel://:${encoded}@${at}/${GROUP}?${sentinelPassword}`, /ECONNREFUSED/);
  });
});
