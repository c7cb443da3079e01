// PostgreSQL, beyond the contract of every store: several gateways on one store, a server that dies
// or cannot be reached, addresses, and schemas of other versions.
import { chmodSync, writeFileSync } from "node:fs";
import pg from "pg";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import { OUTCOMES } from "../../src/gateway/device-outcome.js";
import { openPostgresStore } from "../../src/operations/postgres/postgres-store.js";
import { lockOperation } from "../../src/operations/postgres/rows.js";
import { MIGRATIONS } from "../../src/operations/postgres/schema.js";
import { Transactions } from "../../src/operations/postgres/transactions.js";
import {
  CHUNK_DEVICES,
  LeaseLost,
  type OperationStore,
  StoreRefused,
  StoreUnavailable,
  type Submission,
} from "../../src/operations/store.js";
import { createCertificateAuthority } from "../support/certificate-authority.js";
import { HandClock } from "../support/hand-clock.js";
import { PASSWORD, type PostgresServer, SHORT_LIVED, startPostgres } from "../support/postgres.js";
import { openPostgres, type PostgresWorld } from "../support/postgres-world.js";
import { until } from "../support/processes.js";
import {
  allResults,
  fed,
  HOUR_MS,
  leaseOne,
  leaseQuery,
  NO_PROGRESS,
  outcomesOf,
  stageAll,
  submissionOf,
  submit,
  WIDE_BOUNDS,
} from "../support/stored-operation.js";
import { systemHas } from "../support/system.js";
import { startTcpProxy } from "../support/tcp-proxy.js";

/** The error of a commit whose end is not known. */
const UNKNOWN = { name: "StoreUnavailable", isUnknown: true };
const END = { state: "done", failure: "", sent: "", unsent: "" } as const;

describe.skipIf(!systemHas("postgres"))("PostgresStore", () => {
  const authority = createCertificateAuthority();
  const certificate = authority.issue({ commonName: "localhost", dns: ["localhost"] });
  const files = { "server.crt": certificate.cert, "server.key": certificate.key, "ca.crt": authority.cert };
  const settings = { ...SHORT_LIVED, ssl: "on", ssl_cert_file: "../server.crt", ssl_key_file: "../server.key" };
  let started: Promise<PostgresServer> | undefined;
  /** One cluster for this file. */
  const start = () => {
    started ??= startPostgres(settings, files);
    return started;
  };
  const worlds: { close(): Promise<void> | void }[] = [];
  const open = async (): Promise<PostgresWorld> => {
    const world = await openPostgres(await start());
    worlds.push(world);
    return world;
  };
  const openAt = async (address: string, part: object = {}) => {
    const store = await openPostgresStore({ address, bounds: WIDE_BOUNDS, clock: systemClock, ...part });
    worlds.push(store);
    return store;
  };
  afterEach(async () => {
    await Promise.all(worlds.splice(0).map((world) => world.close()));
  });
  afterAll(async () => {
    await (await started)?.end();
  });

  describe("with several gateways", () => {
    it("gives each operation to one of those that ask at the same moment, with an epoch of its own", async () => {
      const { store, open: another, advance } = await open();
      const stores = [store, await another(), await another()];
      for (let n = 0; n < 12; n++) await submit(store, 1);
      const epochs = new Map<string, number>();
      for (let round = 0; round < 5; round++) {
        const leased = (await Promise.all(stores.map((each, n) => each.lease(leaseQuery(`holder-${n}`))))).flat();
        expect(new Set(leased.map(({ lease }) => lease.id)).size).toBe(leased.length);
        for (const { lease } of leased) {
          expect(lease.epoch).toBeGreaterThan(epochs.get(lease.id) ?? 0);
          epochs.set(lease.id, lease.epoch);
        }
        await advance(15_001);
      }
      expect(epochs.size).toBe(12);
    });

    it("refuses the writes of a holder whose lease another gateway has taken, also those under way", async () => {
      const { store, open: another, advance } = await open();
      const other = await another();
      const { id } = await submit(store, 10);
      const old = await leaseOne(store, "one");
      const chunk = fed(await store.feed(old, -1));
      await advance(15_001);
      const all = outcomesOf(chunk, () => ({ kind: "accepted" }));
      const [taken, ...writes] = await Promise.allSettled([
        other.lease(leaseQuery("two")),
        store.record(old, [all], NO_PROGRESS),
        store.end(old, END),
      ]);
      if (taken.status === "fulfilled" && taken.value.length > 0) {
        await expect(store.record(old, [all], NO_PROGRESS)).rejects.toThrow(LeaseLost);
        await expect(store.end(old, END)).rejects.toThrow(LeaseLost);
      }
      // In any order, a write that was acknowledged is there.
      const isEnded = writes[1]?.status === "fulfilled";
      expect((await other.get(id))?.endMs !== undefined).toBe(isEnded);
    });

    it("lets writes that waited for the operation's row see what was written meanwhile", async () => {
      const server = await start();
      const { store, open: another } = await open();
      const { id } = await submit(store, 10);
      const lease = await leaseOne(store);
      const chunk = fed(await store.feed(lease, -1));
      const release = await lockRow(server, id);
      const one = (index: number) => (index < 6 ? ({ kind: "accepted" } as const) : undefined);
      const other = (index: number) => (index > 3 ? ({ kind: "rejected" } as const) : undefined);
      const writes = [store, await another()].map((each, n) =>
        each.record(lease, [outcomesOf(chunk, n === 0 ? one : other)], NO_PROGRESS),
      );
      await waitForLock(server, writes.length);
      await release();
      const records = await Promise.all(writes);
      // Devices 4 and 5 have the outcome of the write that came first, and count once.
      expect(records.map(({ waiting }) => waiting).sort()).toEqual([0, 4]);
      const results = (await allResults(store, id)) ?? [];
      expect(results).toHaveLength(10);
      const counted = countsOf(results.map(({ kind }) => kind));
      expect(await store.get(id)).toMatchObject({ waiting: 0, counts: counted });
    });

    it("refuses writes that waited while another gateway took the lease, and changes nothing for them", async () => {
      const server = await start();
      const { store } = await open();
      const { id } = await submit(store, 2 * CHUNK_DEVICES);
      const lease = await leaseOne(store, "one");
      const chunk = fed(await store.feed(lease, -1));
      const before = await server.run("SELECT * FROM ota_gateway.chunk ORDER BY chunk", "operations");
      const release = await lockRow(server, id, "epoch = epoch + 1, holder = 'two'");
      const writes = [
        store.record(lease, [outcomesOf(chunk, () => ({ kind: "accepted" }))], NO_PROGRESS),
        store.feed(lease, 0),
        store.end(lease, END),
      ].map((write) => expect(write).rejects.toThrow(LeaseLost));
      await waitForLock(server, writes.length);
      await release();
      await Promise.all(writes);
      expect(await server.run("SELECT * FROM ota_gateway.chunk ORDER BY chunk", "operations")).toEqual(before);
      expect(await store.get(id)).toMatchObject({ state: "running", waiting: 2 * CHUNK_DEVICES });
    });

    it("publishes one operation for one key, and no more than a caller may have", async () => {
      const { address } = await open();
      const bounds = { ...WIDE_BOUNDS, operationsPerCaller: 3 };
      const stores = [await openAt(address, { bounds }), await openAt(address, { bounds })];
      const publish = async (store: OperationStore, part: Partial<Submission>) => {
        const submission = submissionOf(1, part);
        await stageAll(store, submission);
        return (await store.publish(submission)).kind;
      };
      const same = await Promise.all(stores.map((store) => publish(store, { requestId: "key" })));
      expect(same.sort()).toEqual(["created", "existing"]);
      const more = await Promise.all(Array.from({ length: 8 }, (_, n) => publish(stores[n % 2] as OperationStore, {})));
      expect(more.filter((kind) => kind === "created")).toHaveLength(2);
      expect(new Set(more)).toEqual(new Set(["created", "too-many"]));
    });

    it("takes its time from the server, however wrong a gateway's clock is", async () => {
      const { address, store } = await open();
      const clock = { ...systemClock, wallNow: () => Date.now() + 7 * HOUR_MS };
      const ahead = await openAt(address, { clock });
      const record = await submit(ahead, 1);
      expect(await submit(store, 1)).toMatchObject({ createMs: record.createMs, expireMs: record.expireMs });
      expect(await ahead.lease(leaseQuery("ahead"))).toHaveLength(2);
      expect(await store.lease(leaseQuery("right"))).toEqual([]);
    });

    it("lets an operation's time stand still when the server's clock is set back, and frees its lease", async () => {
      const { store, advance } = await open();
      await submit(store, CHUNK_DEVICES + 1);
      const lease = await leaseOne(store, "one");
      await advance(HOUR_MS - 1000);
      const { updateMs, expireMs } = await store.record(lease, [], NO_PROGRESS);
      await store.renew("one", [lease], 15_000);
      await advance(-30_000);
      expect(await store.lease(leaseQuery("two"))).toEqual([]);
      await advance(-2 * HOUR_MS);
      const [taken] = await store.lease(leaseQuery("two"));
      expect(taken).toMatchObject({ nowMs: updateMs, untilMs: updateMs + 15_000, record: { expireMs } });
      expect((await store.record(taken?.lease as never, [], NO_PROGRESS)).updateMs).toBe(updateMs);
    });
  });

  describe("with a server that fails", () => {
    it("loses nothing that was acknowledged when the server is killed in the middle of uploads and records", async () => {
      const server = await start();
      const { store } = await open();
      const devices = 3 * CHUNK_DEVICES;
      const acknowledged: string[] = [];
      let isOver = false;
      const work = async (client: number) => {
        for (let n = 0; !isOver; n++) {
          const submission = submissionOf(devices, { caller: `client-${client}-${n}` });
          await persist(() => stageAll(store, submission));
          await persist(() => store.publish(submission));
          acknowledged.push(submission.id);
        }
      };
      const recorded = new Map<string, number>();
      const run = async () => {
        while (!isOver) {
          for (const { lease } of await persist(() => store.lease({ ...leaseQuery(), most: 2 }))) {
            for (let after = -1; ; after++) {
              const chunk = await persist(() => store.feed(lease, after));
              if (typeof chunk === "string") break;
              const all = outcomesOf(chunk, () => ({ kind: "accepted" }));
              const record = await persist(() => store.record(lease, [all], NO_PROGRESS));
              recorded.set(lease.id, devices - record.waiting);
            }
          }
        }
      };
      const underWay = [work(1), work(2), run()];
      for (let kill = 1; kill <= 2; kill++) {
        const least = acknowledged.length + 2;
        await expect.poll(() => acknowledged.length).toBeGreaterThanOrEqual(least);
        await server.kill();
        await server.start();
      }
      isOver = true;
      await Promise.all(underWay);
      expect(recorded.size).toBeGreaterThan(0);
      for (const id of acknowledged) {
        const record = await store.get(id);
        expect(record).toMatchObject({ devices });
        expect(devices - (record?.waiting ?? 0)).toBe(recorded.get(id) ?? 0);
        expect(await allResults(store, id)).toHaveLength(recorded.get(id) ?? 0);
      }
    });

    it("fails when nothing answers for seconds, and recovers", async () => {
      const server = await start();
      const { address } = await open();
      const proxy = await startTcpProxy(server.port);
      worlds.push(proxy);
      const clock = new HandClock();
      const store = await openAt(address.replace(`:${server.port}/`, `:${proxy.port}/`), { clock });
      const { id } = await submit(store, 1);
      proxy.swallow();
      const reading = expect(store.get(id)).rejects.toMatchObject({ name: "StoreUnavailable", isUnknown: false });
      await expect.poll(() => clock.armed).toBe(1);
      await clock.advance(6000);
      await reading;
      proxy.heal();
      expect(await persist(() => store.get(id))).toMatchObject({ id });
      expect(clock.armed).toBe(0);
    });

    it("reports a commit that got no answer as unknown, and finds it when it is repeated", async () => {
      const server = await start();
      const { address } = await open();
      const proxy = await startTcpProxy(server.port);
      worlds.push(proxy);
      const clock = new HandClock();
      const store = await openAt(address.replace(`:${server.port}/`, `:${proxy.port}/`), { clock });
      const submission = submissionOf(10);
      await stageAll(store, submission);
      const confirm = await withholdConfirmations(server);
      const publishing = expect(store.publish(submission)).rejects.toMatchObject(UNKNOWN);
      const waiting = "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
      await expect.poll(async () => (await server.run(waiting)).length).toBe(1);
      await clock.advance(6000);
      await publishing;
      await confirm();
      expect(await persist(() => store.publish(submission))).toMatchObject({ kind: "existing" });
    });

    it("reports outcomes whose commit got no answer as unknown, and counts them once when they are repeated", async () => {
      const server = await start();
      const { address } = await open();
      const clock = new HandClock();
      const store = await openAt(address, { clock });
      const { id } = await submit(store, 10);
      const lease = await leaseOne(store);
      const all = outcomesOf(fed(await store.feed(lease, -1)), () => ({ kind: "accepted" }));
      const confirm = await withholdConfirmations(server);
      const recording = expect(store.record(lease, [all], NO_PROGRESS)).rejects.toMatchObject(UNKNOWN);
      const waiting = "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
      await expect.poll(async () => (await server.run(waiting)).length).toBe(1);
      await clock.advance(6000);
      await recording;
      await confirm();
      const record = await persist(() => store.record(lease, [all], NO_PROGRESS));
      expect(record).toMatchObject({ id, waiting: 0, counts: countsOf(Array(10).fill(0)) });
    });

    it("stores nothing of outcomes if one of the statements fails", async () => {
      const server = await start();
      const { store } = await open();
      const { id } = await submit(store, 10);
      const lease = await leaseOne(store);
      const all = outcomesOf(fed(await store.feed(lease, -1)), () => ({ kind: "accepted" }));
      await server.run("ALTER TABLE ota_gateway.operation ADD CONSTRAINT few CHECK (calls < 5)", "operations");
      await expect(store.record(lease, [all], { ...NO_PROGRESS, calls: 5 })).rejects.toThrow(StoreUnavailable);
      expect(await store.get(id)).toMatchObject({ waiting: 10 });
      expect(await allResults(store, id)).toEqual([]);
      expect(await store.record(lease, [all], { ...NO_PROGRESS, calls: 4 })).toMatchObject({ waiting: 0 });
    });

    it("reports a commit that no standby has confirmed as unknown, also when the server gives up waiting", async () => {
      const server = await start();
      const { store } = await open();
      const submission = submissionOf(10);
      await stageAll(store, submission);
      const confirm = await withholdConfirmations(server);
      const publishing = expect(store.publish(submission)).rejects.toMatchObject(UNKNOWN);
      const cancel = "SELECT pg_cancel_backend(pid) AS done FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
      await expect.poll(() => server.run(cancel)).toEqual([{ done: true }]);
      await publishing;
      await confirm();
    });

    it("frees what a frozen gateway has locked, and lets the runner work while callers wait", async () => {
      const { address, store } = await open();
      const { id } = await submit(store, 1);
      const clock = new HandClock(); // stands still for the frozen one
      const frozen = new Transactions({ address, clock, mostConnections: 1 });
      worlds.push(frozen);
      let isLocked = false;
      const never = frozen.write(async (query) => {
        await lockOperation(query, id);
        isLocked = true;
        await new Promise(() => {});
      });
      const awake = expect(never).rejects.toThrow(StoreUnavailable);
      await until(() => isLocked);
      // Each waits for the lock, and more of them than there are connections.
      const stops = Array.from({ length: 12 }, () => persist(() => store.stop(id)));
      expect(await store.lease(leaseQuery())).toEqual([]);
      expect(await store.sweep()).toBe("nothing");
      await Promise.all(stops);
      expect(await store.lease(leaseQuery())).toHaveLength(1);
      await clock.advance(6000);
      await awake;
    });

    it("opens without its server, and works once it is there", async () => {
      const server = await start();
      const { address } = await open();
      await server.kill();
      const store = await openAt(address);
      await expect(store.get("nothing")).rejects.toThrow(StoreUnavailable);
      await server.start();
      expect(await persist(() => store.get("nothing"))).toBeUndefined();
      expect(store.durable).toBe(true);
    });

    it("is not durable on a server that does not sync", async () => {
      const server = await start();
      const { address } = await open();
      await server.kill();
      await server.start({ fsync: "off" });
      expect((await openAt(address)).durable).toBe(false);
      await server.kill();
      await server.start();
    });
  });

  it("asks the server twice to feed a chunk, to record outcomes and to end an operation", async () => {
    const server = await start();
    const { address } = await open();
    const proxy = await startTcpProxy(server.port);
    worlds.push(proxy);
    const store = await openAt(address.replace(`:${server.port}/`, `:${proxy.port}/`));
    await submit(store, 10);
    const lease = await leaseOne(store);
    const roundTripsOf = async <T>(call: () => Promise<T>) => {
      const before = proxy.roundTrips;
      const result = await call();
      expect(proxy.roundTrips - before).toBe(2);
      return result;
    };
    const chunk = fed(await roundTripsOf(() => store.feed(lease, -1)));
    const all = outcomesOf(chunk, () => ({ kind: "accepted" }));
    await roundTripsOf(() => store.record(lease, [all], NO_PROGRESS));
    await roundTripsOf(() => store.end(lease, END));
  });

  describe("migrations", () => {
    it("are made once by gateways that start at the same moment", async () => {
      const server = await start();
      const address = await server.database("fresh");
      const stores = await Promise.all(Array.from({ length: 4 }, () => openAt(address)));
      await Promise.all(stores.map((store) => submit(store, 1)));
      expect(await server.run("SELECT version FROM ota_gateway.migration", "fresh")).toEqual(
        MIGRATIONS.map((_, n) => ({ version: n + 1 })),
      );
    });

    it("keep what is stored, and let an older gateway go on beside a newer one", async () => {
      const { address, store: older } = await open();
      const { id } = await submit(older, 10);
      const next = "ALTER TABLE ota_gateway.operation ADD COLUMN note text NOT NULL DEFAULT ''";
      const newer = await openAt(address, { migrations: [...MIGRATIONS, next] });
      expect(await newer.get(id)).toEqual(await older.get(id));
      const lease = await leaseOne(older, "older");
      fed(await older.feed(lease, -1));
      await older.release([lease]);
      expect(fed(await newer.feed(await leaseOne(newer, "newer"), -1))).toMatchObject({ fedBefore: true });
      await submit(newer, 1);
      await submit(older, 1);
      const restarted = await openAt(address);
      expect(await restarted.list({ most: 10 })).toHaveLength(3);
    });

    it("hold the operations of a restored copy until they are resumed", async () => {
      const server = await start();
      const { store } = await open();
      await submit(store, 1);
      await store.close();
      await server.run("DROP DATABASE IF EXISTS restored");
      await server.run("CREATE DATABASE restored TEMPLATE operations");
      const restored = await openAt(await server.database("restored"));
      expect(await restored.list({ most: 1 })).toMatchObject([{ held: true }]);
      expect(await restored.lease(leaseQuery())).toEqual([]);
      expect(await restored.resume()).toBe(1);
      const again = await openAt(await server.database("restored"));
      expect(await again.lease(leaseQuery())).toHaveLength(1);
    });
  });

  it("holds the operations of a database that was recovered to an earlier time, but not after a failover", async () => {
    const server = await start();
    const { address, store, advance } = await open();
    await submit(store, 1);
    const lease = await leaseOne(store, "one");
    await recover(server);
    expect(await persist(() => store.renew("one", [lease], 15_000))).toMatchObject([{ record: { held: false } }]);
    await store.release([lease]);
    await advance(300_001);
    await recover(server);
    // A gateway that lives through it notices, and one that starts later.
    expect(await persist(() => store.lease(leaseQuery()))).toEqual([]);
    const restarted = await openAt(address);
    expect(await restarted.list({ most: 1 })).toMatchObject([{ held: true }]);
    expect(await restarted.resume()).toBe(1);
    expect(await persist(() => store.lease(leaseQuery()))).toHaveLength(1);
  });

  describe("an address", () => {
    const refusal = async (address: string) => {
      const error = await openAt(address).catch((refused: unknown) => refused);
      expect(error).toBeInstanceOf(StoreRefused);
      const { message } = error as Error;
      expect(JSON.stringify({ ...(error as object), message })).not.toMatch(/pa:ss|pa%3Ass|secret/);
      return message;
    };

    it("is refused with a text that says what to do, and never has the password", async () => {
      const { address } = await open();
      const wrong = address.replace(encodeURIComponent(PASSWORD), "secret");
      expect(await refusal(wrong)).toContain("password authentication failed");
      expect(await refusal(address.replace("/operations", "/absent"))).toContain("create the database");
      expect(await refusal(`${address}?sslmod=disable`)).toContain('unknown parameter "sslmod"');
      expect(await refusal(`${address}?sslmode=prefer`)).toContain("sslmode must be one of");
      expect(await refusal(`${address}?sslrootcert=/ca.crt`)).toContain("sslmode=verify-full");
      expect(await refusal("postgres://user:secret@host:port/db")).toContain("is not an address");
      expect(await refusal("postgres://user:sec%ret@host/db")).toContain("is not an address");
    });

    it("has its TLS in parameters: the server's certificate and name are checked", async () => {
      const server = await start();
      const { address } = await open();
      const ca = encodeURIComponent(server.path("ca.crt"));
      const named = address.replace("127.0.0.1", "localhost");
      const store = await openAt(`${named}?sslmode=verify-full&sslrootcert=${ca}`);
      await submit(store, 1);
      const [session] = await server.run(
        "SELECT count(*)::integer AS n FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND application_name = 'ota-gateway'",
      );
      expect(session?.["n"]).toBeGreaterThan(0);
      expect(await refusal(`${named}?sslmode=verify-full`)).toContain("sslrootcert");
      expect(await refusal(`${address}?sslmode=verify-full&sslrootcert=${ca}`)).toContain("name");
      await openAt(`${address}?sslmode=verify-ca&sslrootcert=${ca}`);
      await openAt(`${address}?sslmode=require`);
    });

    it("may be of a role that owns nothing but its schema", async () => {
      const server = await start();
      const { address } = await open();
      await server.run(
        "DROP SCHEMA ota_gateway CASCADE; DROP ROLE IF EXISTS fleet; CREATE ROLE fleet LOGIN PASSWORD 'x'",
        "operations",
      );
      const own = address.replace(/\/\/.*@/, "//fleet:x@");
      expect(await refusal(own)).toContain("docs/operations.md");
      await server.run("CREATE SCHEMA ota_gateway AUTHORIZATION fleet", "operations");
      await submit(await openAt(own), 1);
      await server.run("DROP OWNED BY fleet; DROP ROLE fleet", "operations");
    });
  });
});

/** Locks the row of an operation and changes it, until what is returned is called. */
async function lockRow(
  server: PostgresServer,
  id: string,
  change = "update_ms = update_ms",
): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: await server.database("operations") });
  await client.connect();
  await client.query("BEGIN");
  await client.query(`UPDATE ota_gateway.operation SET ${change} WHERE id = $1`, [id]);
  return async () => {
    await client.query("COMMIT");
    await client.end();
  };
}

/** Resolves once so many statements wait for a lock. */
async function waitForLock(server: PostgresServer, statements: number): Promise<void> {
  const waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
  await expect.poll(async () => (await server.run(waiting)).length).toBe(statements);
}

/** Devices by kind. */
function countsOf(kinds: readonly number[]): number[] {
  return OUTCOMES.map((_, kind) => kinds.filter((each) => each === kind).length);
}

/** Commits wait for a standby that is not there, until what is returned is called. */
async function withholdConfirmations(server: PostgresServer): Promise<() => Promise<void>> {
  await server.run("ALTER SYSTEM SET synchronous_standby_names TO 'nobody'");
  await server.run("SELECT pg_reload_conf()");
  const shown = async () => (await server.run("SHOW synchronous_standby_names"))[0];
  await expect.poll(shown).toEqual({ synchronous_standby_names: "nobody" });
  return async () => {
    await server.run("ALTER SYSTEM RESET synchronous_standby_names");
    await server.run("SELECT pg_reload_conf()");
  };
}

/** Recovers as from a backup and its archive: the server begins a new timeline. */
async function recover(server: PostgresServer): Promise<void> {
  await server.kill();
  writeFileSync(server.path("data/recovery.signal"), "");
  chmodSync(server.path("data/recovery.signal"), 0o666);
  await server.start({ restore_command: "false" });
  await until(async () => (await server.run("SELECT pg_is_in_recovery() AS is"))[0]?.["is"] === false);
}

/** As the runner does it: again while the store is away. */
async function persist<T>(run: () => Promise<T>): Promise<T> {
  let done: { readonly result: T } | undefined;
  await until(async () => {
    try {
      done = { result: await run() };
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
    }
    return done !== undefined;
  });
  return (done as unknown as { readonly result: T }).result;
}
