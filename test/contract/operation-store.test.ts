// The contract of every store of operations. Each implementation passes this suite; a new one gets
// a row in `stores`.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { OUTCOMES } from "../../src/gateway/device-outcome.js";
import { isFinal, noOutcomes } from "../../src/operations/outcomes.js";
import { CHUNK_DEVICES, LeaseLost, type StoreBounds, StoreFull } from "../../src/operations/store.js";
import { LEAST_DEVICES, UPLOAD_ABANDONED_MS } from "../../src/operations/stored-uploads.js";
import { type PostgresServer, SHORT_LIVED, startPostgres } from "../support/postgres.js";
import { openPostgres } from "../support/postgres-world.js";
import { openSqlite } from "../support/sqlite-world.js";
import {
  allResults,
  fed,
  HOUR_MS,
  leaseOne,
  leaseQuery,
  NO_PROGRESS,
  namesOf,
  outcomesOf,
  type StoreWorld,
  stageAll,
  submissionOf,
  submit,
  WIDE_BOUNDS,
} from "../support/stored-operation.js";
import { systemHas } from "../support/system.js";

type Create = (bounds?: StoreBounds) => Promise<StoreWorld>;

const folder = mkdtempSync(join(tmpdir(), "ota-gateway-store-"));
let files = 0;
let server: Promise<PostgresServer> | undefined;

const stores: Record<string, Create> = {
  "SQLite in memory": openSqlite,
  "SQLite in a file": (bounds) => openSqlite(bounds, join(folder, `${++files}.db`)),
  ...(systemHas("postgres") && {
    PostgreSQL: async (bounds) => {
      server ??= startPostgres({ ...SHORT_LIVED, fsync: "off" });
      return openPostgres(await server, bounds);
    },
  }),
};

afterAll(async () => {
  await (await server)?.end();
  rmSync(folder, { recursive: true });
});

const KIND = Object.fromEntries(OUTCOMES.map((kind, index) => [kind, index])) as Record<
  (typeof OUTCOMES)[number],
  number
>;

describe.each(Object.entries(stores))("a store of operations: %s", (_, create) => {
  const worlds: StoreWorld[] = [];
  const open = async (bounds?: StoreBounds) => {
    const world = await create(bounds);
    worlds.push(world);
    return world;
  };
  afterEach(async () => {
    await Promise.all(worlds.splice(0).map((world) => world.close()));
  });

  describe("publish", () => {
    it("makes an operation visible with all its devices, and not before", async () => {
      const { store } = await open();
      const submission = submissionOf(CHUNK_DEVICES + 5, { repeated: 3 });
      await stageAll(store, submission);
      expect(await store.get(submission.id)).toBeUndefined();
      expect(await store.list({ most: 10 })).toEqual([]);
      expect(await store.lease(leaseQuery())).toEqual([]);

      const published = await store.publish(submission);
      expect(published).toMatchObject({
        kind: "created",
        record: {
          id: submission.id,
          state: "running",
          devices: CHUNK_DEVICES + 5,
          repeated: 3,
          held: false,
          failure: "",
        },
      });
      const record = await store.get(submission.id);
      expect(published).toEqual({ kind: "created", record });
      expect(record?.waiting).toBe(CHUNK_DEVICES + 5);
      expect(record?.counts).toEqual(OUTCOMES.map(() => 0));
      expect((record?.expireMs ?? 0) - (record?.createMs ?? 0)).toBe(HOUR_MS);
    });

    it("stores a chunk once, however often it is staged", async () => {
      const { store } = await open();
      const submission = submissionOf(10);
      await stageAll(store, submission);
      await stageAll(store, submission);
      await store.publish(submission);
      const lease = await leaseOne(store);
      expect(fed(await store.feed(lease, -1)).names).toEqual(namesOf(0, 10));
      expect(await store.feed(lease, 0)).toBe("none");
    });

    it("stores several chunks that are staged at once, and counts them once however often", async () => {
      const { store } = await open();
      const submission = submissionOf(3 * CHUNK_DEVICES + 5);
      const all = [0, 1, 2, 3].flatMap((chunk) => namesOf(chunk, submission.devices));
      await store.stage(submission.id, 0, all.slice(0, 2 * CHUNK_DEVICES));
      await store.stage(submission.id, 1, all.slice(CHUNK_DEVICES));
      await store.stage(submission.id, 1, all.slice(CHUNK_DEVICES));
      expect(await store.storedDevices()).toBe(submission.devices);
      await store.publish(submission);
      const lease = await leaseOne(store);
      for (let chunk = 0; chunk < 4; chunk++) {
        expect(fed(await store.feed(lease, chunk - 1)).names).toEqual(namesOf(chunk, submission.devices));
      }
    });

    it("returns the same operation for the same key and fingerprint, and stores no second list", async () => {
      const { store } = await open();
      const first = await submit(store, 10, { requestId: "key", fingerprint: "a" });
      const again = submissionOf(10, { requestId: "key", fingerprint: "a" });
      await stageAll(store, again);
      expect(await store.publish(again)).toEqual({ kind: "existing", record: first });
      expect(await store.list({ most: 10 })).toEqual([first]);
      expect(await store.get(again.id)).toBeUndefined();
    });

    it("refuses the key for another fingerprint, but not for another caller or without a key", async () => {
      const { store } = await open();
      await submit(store, 10, { requestId: "key", fingerprint: "a" });
      expect(await store.publish(submissionOf(0, { requestId: "key", fingerprint: "b" }))).toEqual({ kind: "reused" });
      await submit(store, 10, { requestId: "key", fingerprint: "b", caller: "another" });
      await submit(store, 10, { fingerprint: "a" });
      await submit(store, 10, { fingerprint: "a" });
      expect(await store.list({ most: 10 })).toHaveLength(4);
    });

    it("can be repeated after its end was unknown", async () => {
      const { store } = await open();
      const submission = submissionOf(10);
      await stageAll(store, submission);
      await store.publish(submission);
      expect(await store.publish(submission)).toMatchObject({ kind: "existing", record: { id: submission.id } });
    });

    it("remembers the key of an operation that was deleted, for the retention", async () => {
      const { store, advance } = await open();
      const { id } = await submit(store, 10, { requestId: "key" });
      await store.end(await leaseOne(store), { state: "done", failure: "", sent: "", unsent: "" });
      await store.remove(id);
      await sweepAll(store);
      const again = () => store.publish(submissionOf(0, { requestId: "key" }));
      expect(await again()).toEqual({ kind: "reused" });
      await advance(WIDE_BOUNDS.retentionMs + 1);
      expect(await sweepAll(store)).toBe(0); // its caller deleted it
      expect(await again()).toMatchObject({ kind: "created" });
    });

    it("publishes no part of an upload that was swept while it stalled, whenever it goes on", async () => {
      const { store, advance } = await open();
      const chunks = 120; // more than one step of the sweep deletes
      for (const sweeps of [1, 2, Infinity]) {
        const submission = submissionOf(chunks * CHUNK_DEVICES);
        const names = namesOf(0, submission.devices);
        for (let chunk = 0; chunk < chunks - 1; chunk++) await store.stage(submission.id, chunk, names);
        await advance(UPLOAD_ABANDONED_MS);
        for (let n = 0; n < sweeps && (await store.sweep()) !== "nothing"; n++);
        const last = store.stage(submission.id, chunks - 1, names);
        const refused = { name: "StoreUnavailable", isUnknown: false };
        if (sweeps === Infinity) await last;
        else await expect(last).rejects.toMatchObject(refused);
        await expect(store.publish(submission)).rejects.toMatchObject(refused);
        expect(await store.get(submission.id)).toBeUndefined();
        await store.discard(submission.id);
        await sweepAll(store);
      }
    });

    it("refuses a caller's operation beyond its bound until one of them has ended", async () => {
      const { store } = await open({ ...WIDE_BOUNDS, operationsPerCaller: 1 });
      await submit(store, 10);
      const second = submissionOf(10);
      await stageAll(store, second);
      expect(await store.publish(second)).toEqual({ kind: "too-many" });
      await submit(store, 10, { caller: "another" });
      for (const { lease } of await store.lease(leaseQuery())) {
        await store.end(lease, { state: "done", failure: "", sent: "", unsent: "" });
      }
      await submit(store, 10);
    });
  });

  describe("stage", () => {
    it("refuses devices beyond the bound, and has room again for what was discarded", async () => {
      const { store } = await open({ ...WIDE_BOUNDS, devices: 3 * CHUNK_DEVICES });
      const first = submissionOf(2 * CHUNK_DEVICES);
      await stageAll(store, first);
      const second = submissionOf(2 * CHUNK_DEVICES);
      await expect(stageAll(store, second)).rejects.toThrow(StoreFull);
      await store.discard(second.id);
      await store.discard(first.id);
      await sweepAll(store);
      await submit(store, 3 * CHUNK_DEVICES);
    });

    it("counts an operation as a hundred devices at least, until it is deleted", async () => {
      const { store } = await open({ ...WIDE_BOUNDS, devices: 2 * LEAST_DEVICES });
      const { id } = await submit(store, 1);
      await submit(store, 1);
      await expect(submit(store, 1)).rejects.toThrow(StoreFull);
      for (const { lease } of await store.lease(leaseQuery())) {
        await store.end(lease, { state: "done", failure: "", sent: "", unsent: "" });
      }
      await store.remove(id);
      await sweepAll(store);
      await submit(store, 1);
    });
  });

  describe("list", () => {
    it("has the newest first, of one caller or of all, and of those that have ended or not", async () => {
      const { store, advance } = await open();
      const ids = [];
      for (const caller of ["a", "b", "a"]) {
        ids.push((await submit(store, 1, { caller })).id);
        await advance(1000);
      }
      const [first, second, third] = ids;
      const [leased] = await store.lease({ ...leaseQuery(), most: 1 });
      expect(leased?.lease.id).toBe(first);
      await store.end(leased?.lease as never, { state: "done", failure: "", sent: "", unsent: "" });
      const list = async (query: object) => (await store.list({ most: 10, ...query })).map(({ id }) => id);
      expect(await list({})).toEqual([third, second, first]);
      expect(await list({ caller: "a" })).toEqual([third, first]);
      expect(await list({ caller: "a", done: true })).toEqual([first]);
      expect(await list({ done: false })).toEqual([third, second]);
      const [newest] = await store.list({ most: 1 });
      expect(await list({ after: newest })).toEqual([second, first]);
    });

    it("pages through operations of one moment", async () => {
      const { store } = await open();
      const ids = new Set<string>();
      for (let n = 0; n < 5; n++) ids.add((await submit(store, 1)).id);
      const seen: string[] = [];
      for (let [at] = await store.list({ most: 1 }); at; [at] = await store.list({ most: 1, after: at }))
        seen.push(at.id);
      expect(seen).toHaveLength(5);
      expect(new Set(seen)).toEqual(ids);
    });
  });

  describe("lease", () => {
    it("gives each operation to one holder, and to another only when the lease is over", async () => {
      const { store, advance } = await open();
      const { id } = await submit(store, 1);
      const [first] = await store.lease(leaseQuery("one"));
      expect(first?.record.id).toBe(id);
      expect((first?.untilMs ?? 0) - (first?.nowMs ?? 0)).toBe(15_000);
      expect(await store.lease(leaseQuery("two"))).toEqual([]);
      await advance(15_001);
      const [second] = await store.lease(leaseQuery("two"));
      expect(second?.lease.epoch).toBeGreaterThan(first?.lease.epoch ?? Infinity);
    });

    it("gives no holder what it works on already, also if that lease is over", async () => {
      const { store, advance } = await open();
      await submit(store, 1);
      const { id } = await leaseOne(store, "one");
      await advance(15_001);
      expect(await store.lease({ ...leaseQuery("one"), held: [id] })).toEqual([]);
      expect(await store.lease(leaseQuery("one"))).toHaveLength(1);
    });

    it("prolongs a lease by renewing it, also one that is over but that nobody took", async () => {
      const { store, advance } = await open();
      await submit(store, 1);
      const lease = await leaseOne(store, "one");
      await advance(10_000);
      expect(await store.renew("one", [lease], 15_000)).toHaveLength(1);
      await advance(10_000);
      expect(await store.lease(leaseQuery("two"))).toEqual([]);
      await advance(10_000);
      expect(await store.renew("one", [lease], 15_000)).toHaveLength(1);
      expect(await store.lease(leaseQuery("two"))).toEqual([]);
    });

    it("refuses every write of a holder whose lease another has taken", async () => {
      const { store, advance } = await open();
      await submit(store, 10);
      const old = await leaseOne(store, "one");
      const chunk = fed(await store.feed(old, -1));
      await advance(15_001);
      await leaseOne(store, "two");
      expect(await store.renew("one", [old], 15_000)).toEqual([]);
      await expect(store.feed(old, -1)).rejects.toThrow(LeaseLost);
      await expect(store.peek(old, -1)).rejects.toThrow(LeaseLost);
      const all = outcomesOf(chunk, () => ({ kind: "accepted" }));
      await expect(store.record(old, [all], NO_PROGRESS)).rejects.toThrow(LeaseLost);
      await expect(store.end(old, { state: "done", failure: "", sent: "", unsent: "" })).rejects.toThrow(LeaseLost);
      await store.release([old]);
      expect(await store.lease(leaseQuery("three"))).toEqual([]);
      expect(await store.list({ most: 1 })).toMatchObject([{ state: "running", waiting: 10 }]);
    });

    it("is free at once when it is released", async () => {
      const { store } = await open();
      await submit(store, 1);
      await store.release([await leaseOne(store, "one")]);
      await leaseOne(store, "two");
    });

    it("leaves operations of an unknown kind or account alone until they are long expired", async () => {
      const { store, advance } = await open();
      await submit(store, 1, { kind: "newer/2" });
      await submit(store, 1, { account: "elsewhere" });
      expect(await store.lease(leaseQuery())).toEqual([]);
      await advance(HOUR_MS + 60_001);
      expect(await store.lease(leaseQuery())).toHaveLength(2);
    });

    it("takes the oldest first", async () => {
      const { store, advance } = await open();
      const { id } = await submit(store, 1);
      await advance(1);
      await submit(store, 1);
      expect((await store.lease({ ...leaseQuery(), most: 1 })).map(({ lease }) => lease.id)).toEqual([id]);
    });
  });

  describe("feed", () => {
    it("marks one chunk after another as fed, and says which was fed before", async () => {
      const { store, advance } = await open();
      const { id } = await submit(store, CHUNK_DEVICES + 1);
      expect((await store.get(id))?.startMs).toBeUndefined();
      const first = await leaseOne(store, "one");
      expect(fed(await store.feed(first, -1))).toMatchObject({
        chunk: 0,
        names: namesOf(0, CHUNK_DEVICES + 1),
        fedBefore: false,
      });
      expect((await store.get(id))?.startMs).toBeDefined();
      await advance(15_001);
      const second = await leaseOne(store, "two");
      const again = fed(await store.feed(second, -1));
      expect(again).toMatchObject({ chunk: 0, fedBefore: true });
      expect(again.outcomes).toEqual(noOutcomes(CHUNK_DEVICES));
      expect(fed(await store.feed(second, 0))).toMatchObject({
        chunk: 1,
        names: [`device-${CHUNK_DEVICES}`],
        fedBefore: false,
      });
      expect(await store.feed(second, 1)).toBe("none");
    });

    it("passes over chunks whose devices all have a final outcome", async () => {
      const { store } = await open();
      await submit(store, 2 * CHUNK_DEVICES);
      const lease = await leaseOne(store);
      const chunk = fed(await store.feed(lease, -1));
      await store.record(lease, [outcomesOf(chunk, () => ({ kind: "accepted" }))], NO_PROGRESS);
      expect(fed(await store.feed(lease, -1)).chunk).toBe(1);
    });

    it("feeds nothing of an operation that is to stop, or that has expired", async () => {
      const { store, advance } = await open();
      const stopping = await submit(store, 1);
      const first = await leaseOne(store);
      await store.stop(stopping.id);
      expect(await store.feed(first, -1)).toBe("stopping");
      await submit(store, 1, { timeToLiveMs: 5000 });
      const second = await leaseOne(store);
      await advance(5000);
      expect(await store.feed(second, -1)).toBe("expired");
      expect(await store.peek(second, -1)).toMatchObject({ chunk: 0, fedBefore: false });
    });
  });

  describe("record", () => {
    it("stores outcomes with their failures and counts them", async () => {
      const { store } = await open();
      const { id } = await submit(store, 6);
      const lease = await leaseOne(store);
      const chunk = fed(await store.feed(lease, -1));
      const some = outcomesOf(chunk, (index) =>
        index < 2 ? { kind: "accepted" } : index < 4 ? { kind: "rejected", failure: '"why"' } : undefined,
      );
      const progress = { calls: 3, obstacle: "slow", remainingMs: 700, detail: "{}" };
      const record = await store.record(lease, [some], progress);
      expect(record).toMatchObject({ devices: 6, waiting: 2, progress });
      expect(record.counts[KIND.accepted]).toBe(2);
      expect(record.counts[KIND.rejected]).toBe(2);
      expect(await store.get(id)).toEqual(record);
      expect(await allResults(store, id)).toEqual([
        { position: 0, name: "device-0", kind: KIND.accepted, failure: "" },
        { position: 1, name: "device-1", kind: KIND.accepted, failure: "" },
        { position: 2, name: "device-2", kind: KIND.rejected, failure: '"why"' },
        { position: 3, name: "device-3", kind: KIND.rejected, failure: '"why"' },
      ]);
    });

    it("never changes a final outcome, so that repeating it does no harm", async () => {
      const { store } = await open();
      const { id } = await submit(store, 3);
      const lease = await leaseOne(store);
      const chunk = fed(await store.feed(lease, -1));
      const accepted = outcomesOf(chunk, () => ({ kind: "accepted" }));
      const first = await store.record(lease, [accepted], NO_PROGRESS);
      const unknown = outcomesOf(chunk, () => ({ kind: "unknown", failure: "{}" }));
      const second = await store.record(lease, [unknown, accepted], NO_PROGRESS);
      expect(second.counts).toEqual(first.counts);
      expect((await allResults(store, id))?.map(({ kind }) => kind)).toEqual([0, 0, 0]);
    });

    it("keeps any text as it is", async () => {
      const { store } = await open();
      const { id } = await submit(store, 1);
      const lease = await leaseOne(store);
      const text = "it's \"quoted\" \\ \\' $1 :a ?; -- \n\t 设备 😀";
      const failure = JSON.stringify({ message: text });
      const all = outcomesOf(fed(await store.feed(lease, -1)), () => ({ kind: "rejected", failure }));
      const progress = { ...NO_PROGRESS, obstacle: text, detail: failure };
      expect(await store.record(lease, [all], progress)).toMatchObject({ progress });
      expect(await store.end(lease, { state: "done", failure, sent: text, unsent: text })).toMatchObject({ failure });
      expect(await allResults(store, id)).toMatchObject([{ failure }]);
    });

    it("counts a provisional outcome only once it is final", async () => {
      const { store } = await open();
      const { id } = await submit(store, 2);
      const lease = await leaseOne(store);
      const chunk = fed(await store.feed(lease, -1));
      const provisional = outcomesOf(chunk, () => ({ kind: "accepted", provisional: true }));
      expect(await store.record(lease, [provisional], NO_PROGRESS)).toMatchObject({ waiting: 2 });
      expect(await allResults(store, id)).toEqual([]);
      const again = await store.peek(lease, -1);
      expect([...(again?.outcomes.marks ?? [])].map(isFinal)).toEqual([false, false]);
      const read = outcomesOf(chunk, (index) => (index === 0 ? { kind: "verified-canceled" } : undefined));
      const record = await store.record(lease, [read], NO_PROGRESS);
      expect(record.waiting).toBe(1);
      const ended = await store.end(lease, { state: "done", failure: "", sent: '"sent"', unsent: "" });
      expect(ended.counts[KIND["verified-canceled"]]).toBe(1);
      expect(ended.counts[KIND.accepted]).toBe(1);
    });
  });

  describe("append", () => {
    it("adds devices that are found while the operation runs, each chunk once", async () => {
      const { store } = await open();
      const { id } = await submit(store, 0);
      const lease = await leaseOne(store);
      const names = ["device-a", "device-b", "device-c"];
      const outcomes = outcomesOf({ chunk: 0, names }, (index) => (index === 0 ? { kind: "accepted" } : undefined));
      const progress = { ...NO_PROGRESS, calls: 2, detail: "sweeping" };
      const added = { chunk: 0, names, outcomes: outcomes.outcomes };
      await store.append(lease, added, progress);
      const record = await store.append(lease, { ...added, names: ["device-d"] }, progress);
      expect(record).toMatchObject({ devices: 3, waiting: 2, progress });
      expect(record.counts[KIND.accepted]).toBe(1);
      await store.record(
        lease,
        [outcomesOf({ chunk: 0, names }, (at) => (at === 1 ? { kind: "rejected" } : undefined))],
        progress,
      );
      // Added devices count as sent.
      const ended = await store.end(lease, { state: "done", failure: "", sent: '"maybe"', unsent: '"never"' });
      expect(ended).toMatchObject({ devices: 3, waiting: 0 });
      expect(await allResults(store, id)).toMatchObject([
        { name: "device-a", kind: KIND.accepted },
        { name: "device-b", kind: KIND.rejected },
        { name: "device-c", kind: KIND.unknown, failure: '"maybe"' },
      ]);
    });

    it("adds chunks of any size, and the results have the devices of all of them", async () => {
      const { store } = await open();
      const { id } = await submit(store, 0);
      const lease = await leaseOne(store);
      const names = Array.from({ length: 205 }, (_, chunk) => `device-${chunk}`);
      for (const [chunk, name] of names.entries()) {
        const { outcomes } = outcomesOf({ chunk, names: [name] }, () => ({ kind: "accepted" }));
        await store.append(lease, { chunk, names: [name], outcomes }, NO_PROGRESS);
      }
      expect((await allResults(store, id))?.map(({ name }) => name)).toEqual(names);
      expect((await allResults(store, id, { most: 7 }))?.map(({ name }) => name)).toEqual(names);
    });

    it("is refused without the lease, and beyond the bound of stored devices", async () => {
      const { store } = await open({ ...WIDE_BOUNDS, devices: 2 * LEAST_DEVICES });
      const { id } = await submit(store, 0);
      const lease = await leaseOne(store);
      const chunkOf = (chunk: number, devices: number) => {
        const names = namesOf(0, devices);
        return { chunk, names, outcomes: outcomesOf({ chunk, names }, () => undefined).outcomes };
      };
      await store.append(lease, chunkOf(0, LEAST_DEVICES), NO_PROGRESS);
      await store.append(lease, chunkOf(1, LEAST_DEVICES), NO_PROGRESS);
      await expect(store.append(lease, chunkOf(2, 1), NO_PROGRESS)).rejects.toThrow(StoreFull);
      expect(await store.get(id)).toMatchObject({ devices: 2 * LEAST_DEVICES });
      await store.release([lease]);
      await expect(store.append(lease, chunkOf(3, 1), NO_PROGRESS)).rejects.toThrow(LeaseLost);
    });
  });

  describe("end", () => {
    it("gives devices that were fed another outcome than those that were not", async () => {
      const { store } = await open();
      const { id } = await submit(store, 3 * CHUNK_DEVICES);
      const lease = await leaseOne(store);
      const chunk = fed(await store.feed(lease, -1));
      await store.record(
        lease,
        [outcomesOf(chunk, (index) => (index === 0 ? { kind: "accepted" } : undefined))],
        NO_PROGRESS,
      );
      const end = { state: "expired", failure: '"late"', sent: '"sent"', unsent: '"unsent"' } as const;
      const record = await store.end(lease, end);
      expect(record).toMatchObject({ state: "expired", failure: '"late"', waiting: 0 });
      expect(record.endMs).toBeDefined();
      expect(record.counts[KIND.accepted]).toBe(1);
      expect(record.counts[KIND.unknown]).toBe(CHUNK_DEVICES - 1);
      expect(record.counts[KIND["not-attempted"]]).toBe(2 * CHUNK_DEVICES);
      const results = await allResults(store, id);
      expect(results?.map(({ position }) => position)).toEqual(
        Array.from({ length: 3 * CHUNK_DEVICES }, (_, at) => at),
      );
      expect(results?.[1]).toEqual({ position: 1, name: "device-1", kind: KIND.unknown, failure: '"sent"' });
      expect(results?.at(-1)).toMatchObject({ kind: KIND["not-attempted"], failure: '"unsent"' });
      expect(await store.get(id)).toEqual(record);
    });

    it("ends the lease: nothing more is written, and nobody leases it again", async () => {
      const { store, advance } = await open();
      const { id } = await submit(store, 2);
      const lease = await leaseOne(store);
      const end = { state: "stopped", failure: '"stopped"', sent: "", unsent: "" } as const;
      const record = await store.end(lease, end);
      await expect(store.feed(lease, -1)).rejects.toThrow(LeaseLost);
      expect(await store.renew("here", [lease], 15_000)).toEqual([]);
      await advance(2 * HOUR_MS);
      expect(await store.lease(leaseQuery())).toEqual([]);
      expect(await store.stop(id)).toEqual(record);
    });

    it("is told again to the holder that repeats it, and changes nothing (was: as if another had the lease)", async () => {
      const { store } = await open();
      const { id } = await submit(store, 2);
      const earlier = await leaseOne(store);
      await store.release([earlier]);
      const lease = await leaseOne(store);
      const end = { state: "stopped", failure: '"stopped"', sent: "", unsent: "" } as const;
      const record = await store.end(lease, end);
      expect(await store.end(lease, { ...end, state: "done" })).toEqual(record);
      await expect(store.end(earlier, end)).rejects.toThrow(LeaseLost);
      expect(await store.get(id)).toEqual(record);
    });
  });

  describe("results", () => {
    it("filters by outcome, and pages of any size have the same results", async () => {
      const { store } = await open();
      const devices = 2 * CHUNK_DEVICES + 7;
      const { id } = await submit(store, devices);
      const lease = await leaseOne(store);
      for (let after = -1; ; after++) {
        const chunk = await store.feed(lease, after);
        if (typeof chunk === "string") break;
        const mixed = outcomesOf(chunk, (index) =>
          index % 3 === 0 ? { kind: "rejected", failure: `"${index % 7}"` } : { kind: "accepted" },
        );
        await store.record(lease, [mixed], NO_PROGRESS);
      }
      const all = await allResults(store, id);
      expect(all).toHaveLength(devices);
      expect(await allResults(store, id, { most: 997 })).toEqual(all);
      const rejected = await allResults(store, id, { most: 101, kinds: [KIND.rejected] });
      expect(rejected).toEqual(all?.filter(({ kind }) => kind === KIND.rejected));
      expect(await allResults(store, id, { kinds: [KIND.unknown] })).toEqual([]);
    });

    it("are undefined for what does not exist", async () => {
      const { store } = await open();
      expect(await store.results({ id: "nothing", from: 0, most: 1 })).toBeUndefined();
    });
  });

  describe("stop", () => {
    it("is seen by the holder when it renews", async () => {
      const { store } = await open();
      const { id } = await submit(store, 1);
      const lease = await leaseOne(store, "one");
      expect(await store.stop(id)).toMatchObject({ state: "stopping" });
      expect(await store.stop(id)).toMatchObject({ state: "stopping" });
      expect(await store.renew("one", [lease], 1000)).toMatchObject([{ record: { state: "stopping" } }]);
      expect(await store.stop("nothing")).toBeUndefined();
    });
  });

  describe("remove", () => {
    it("deletes only what has ended, with its names", async () => {
      const { store } = await open();
      const { id } = await submit(store, 10);
      const lease = await leaseOne(store);
      expect(await store.remove(id)).toBe("running");
      await store.end(lease, { state: "done", failure: "", sent: "", unsent: "" });
      expect(await store.remove(id)).toBe("removed");
      expect(await store.remove(id)).toBe("missing");
      expect(await store.get(id)).toBeUndefined();
      expect(await store.list({ most: 10 })).toEqual([]);
      expect(await store.results({ id, from: 0, most: 10 })).toBeUndefined();
      await sweepAll(store);
    });
  });

  describe("storedDevices", () => {
    it("counts uploads and operations as the bound does, until they are deleted", async () => {
      const { store } = await open();
      expect(await store.storedDevices()).toBe(0);
      await stageAll(store, submissionOf(CHUNK_DEVICES + 1));
      const { id } = await submit(store, 10);
      expect(await store.storedDevices()).toBe(CHUNK_DEVICES + 1 + LEAST_DEVICES);
      await store.end(await leaseOne(store), { state: "done", failure: "", sent: "", unsent: "" });
      expect(await store.storedDevices()).toBe(CHUNK_DEVICES + 1 + LEAST_DEVICES);
      await store.remove(id);
      expect(await store.storedDevices()).toBe(CHUNK_DEVICES + 1);
    });
  });

  describe("sweep", () => {
    it("hides an operation before it deletes the first of its devices (was: its results had gaps)", async () => {
      const { store, advance } = await open();
      const { id } = await submit(store, 120 * CHUNK_DEVICES); // more than one step deletes
      await store.end(await leaseOne(store), { state: "done", failure: "", sent: "", unsent: "" });
      await advance(WIDE_BOUNDS.retentionMs + 1);
      expect(await store.sweep()).toBe("some");
      expect(await store.results({ id, from: 0, most: 10 })).toBeUndefined();
      expect(await store.get(id)).toBeUndefined();
      expect(await store.storedDevices()).toBe(0);
      expect(await sweepAll(store)).toBe(1);
    });

    it("deletes operations when the retention after their end is over", async () => {
      const { store, advance } = await open();
      const { id } = await submit(store, 10);
      const running = await submit(store, 10, { timeToLiveMs: 24 * HOUR_MS });
      const [leased] = await store.lease({ ...leaseQuery(), most: 1 });
      await store.end(leased?.lease as never, { state: "done", failure: "", sent: "", unsent: "" });
      await advance(WIDE_BOUNDS.retentionMs - 1000);
      expect(await sweepAll(store)).toBe(0);
      expect(await store.get(id)).toBeDefined();
      await advance(2000);
      expect(await sweepAll(store)).toBe(1);
      expect(await store.get(id)).toBeUndefined();
      expect(await store.get(running.id)).toBeDefined();
    });

    it("deletes uploads that were broken off, but not those that go on", async () => {
      const { store, advance } = await open({ ...WIDE_BOUNDS, devices: 2 * CHUNK_DEVICES });
      const broken = submissionOf(CHUNK_DEVICES);
      await stageAll(store, broken);
      await advance(UPLOAD_ABANDONED_MS - 1);
      await sweepAll(store);
      await expect(submit(store, 2 * CHUNK_DEVICES)).rejects.toThrow(StoreFull);
      await advance(UPLOAD_ABANDONED_MS + 1);
      await sweepAll(store);
      await submit(store, 2 * CHUNK_DEVICES);
    });
  });
});

/** Returns how many operations were deleted because their retention was over. */
async function sweepAll(store: StoreWorld["store"]): Promise<number> {
  for (let deleted = 0; ; ) {
    const swept = await store.sweep();
    if (swept === "nothing") return deleted;
    if (swept === "operation") deleted += 1;
  }
}
