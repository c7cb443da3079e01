import { describe, expect, it } from "vitest";
import { OUTCOMES } from "../../../src/gateway/device-outcome.js";
import type { Failure } from "../../../src/gateway/failures.js";
import type { OperationRecord } from "../../../src/operations/store.js";
import { accepted, DEVICE_FAULT, LOST, refused } from "../../support/fake-upstream.js";
import { OperationWorld } from "../../support/operation-world.js";
import { openSqlite } from "../../support/sqlite-world.js";
import { WIDE_BOUNDS } from "../../support/stored-operation.js";

const count = (record: OperationRecord | undefined, kind: (typeof OUTCOMES)[number]) =>
  record?.counts[OUTCOMES.indexOf(kind)];

const UNKNOWN_FIRMWARE = {
  ...refused({ kind: "rejected", rejection: "not-found", deviceFault: false }, { code: "iot.ota.FirmwareNotFound" }),
};

function requestWide(nth: number) {
  const refusal = { ...(UNKNOWN_FIRMWARE as { refusal: object }).refusal, requestWide: true };
  return { ...UNKNOWN_FIRMWARE, requestId: `request-${nth}`, refusal } as typeof UNKNOWN_FIRMWARE;
}

describe("Runner", () => {
  it("sends every device once, in full calls, and ends with all outcomes", async () => {
    const world = await OperationWorld.open();
    const { id } = await world.submit(5100);
    world.start();
    await world.clock.advance(10_000);
    const record = await world.store.get(id);
    expect(record).toMatchObject({ state: "done", waiting: 0, failure: "", progress: { calls: 26, obstacle: "" } });
    expect(count(record, "accepted")).toBe(5100);
    expect(world.calls).toHaveLength(26);
    expect([...world.sent().values()].every((times) => times === 1)).toBe(true);
    expect((await world.outcomes(id)).size).toBe(5100);
    expect(world.ended).toEqual([record]);
  });

  it("takes up an operation that is published later, when it is told", async () => {
    const world = await OperationWorld.open();
    const process = world.start();
    await world.clock.advance(1000);
    const { id } = await world.submit(10);
    await process.runner.look();
    await world.clock.advance(500);
    expect(await world.store.get(id)).toMatchObject({ state: "done" });
  });

  it("goes on after a death: what was recorded is not sent again, what was not is", async () => {
    const world = await OperationWorld.open();
    const { id } = await world.submit(20_000);
    const first = world.start();
    await world.clock.advance(3000);
    first.die();
    const before = await world.store.get(id);
    expect(count(before, "accepted")).toBeGreaterThan(4000);
    await world.clock.advance(15_000);
    world.start();
    await world.clock.advance(15_000);
    const record = await world.store.get(id);
    expect(record).toMatchObject({ state: "done" });
    expect(count(record, "accepted")).toBe(20_000);
    const twice = [...world.sent().values()].filter((times) => times > 1).length;
    expect(twice).toBeLessThanOrEqual(2 * 200); // the calls that were in flight
    expect(Math.max(...world.sent().values())).toBeLessThanOrEqual(2);
  });

  it("sends nothing after the time to live, and says of each device what is known", async () => {
    const world = await OperationWorld.open();
    const { id, expireMs, createMs } = await world.submit(50_000, { timeToLiveMs: 5000 });
    world.start();
    await world.clock.advance(20_000);
    const record = await world.store.get(id);
    expect(record).toMatchObject({ state: "expired", waiting: 0 });
    expect((JSON.parse(record?.failure ?? "") as Failure).kind).toBe("expired");
    expect(Math.max(...world.calls.map(({ sentMs }) => sentMs))).toBeLessThan(expireMs - createMs);
    const sent = world.sent().size;
    expect(count(record, "accepted")).toBe(sent);
    expect(count(record, "not-attempted")).toBe(50_000 - sent);
  });

  it("stops at once when it is told; calls that were sent run to their end", async () => {
    const world = await OperationWorld.open({ reply: () => ({ end: accepted(), delayMs: 700 }) });
    const { id } = await world.submit(50_000);
    const process = world.start();
    await world.clock.advance(2000);
    await world.store.stop(id);
    process.runner.stop(id);
    const calls = world.calls.length;
    await world.clock.advance(2000);
    expect(world.calls).toHaveLength(calls);
    const record = await world.store.get(id);
    expect(record).toMatchObject({ state: "stopped", waiting: 0 });
    expect(count(record, "accepted")).toBe(world.sent().size);
    expect(count(record, "unknown")).toBe(0);
  });

  it("never says of a device that a dead process may have sent that it was not sent", async () => {
    const world = await OperationWorld.open({ reply: () => ({ end: accepted(), delayMs: 5000 }) });
    const { id } = await world.submit(4000);
    const first = world.start();
    await world.clock.advance(1500);
    first.die();
    const sent = [...world.sent().keys()];
    expect(sent.length).toBeGreaterThan(600);
    await world.clock.advance(15_000);
    const second = world.start();
    await world.clock.advance(50);
    await world.store.stop(id);
    second.runner.stop(id);
    await world.clock.advance(10_000);
    const again = await world.store.get(id);
    expect(again).toMatchObject({ state: "stopped", waiting: 0 });
    const outcomes = await world.outcomes(id);
    expect(sent.filter((name) => outcomes.get(name) === "not-attempted")).toEqual([]);
    expect(count(again, "unknown")).toBeGreaterThan(0);
  });

  it("says of devices that had no room in the queue that they were not sent", async () => {
    const world = await OperationWorld.open({ queuedDevicesPerCaller: 2500 });
    await world.submit(50_000);
    const { id } = await world.submit(4000);
    const process = world.start();
    await world.clock.advance(500);
    await world.store.stop(id);
    process.runner.stop(id);
    await world.clock.advance(1000);
    expect(world.asked.filter((method) => method === "feed").length).toBeGreaterThan(1);
    const record = await world.store.get(id);
    expect(record).toMatchObject({ state: "stopped", waiting: 0 });
    expect([count(record, "not-attempted"), count(record, "unknown")]).toEqual([4000, 0]);
  });

  it("remembers a call whose answer was lost when a later one fails by the gateway's fault", async () => {
    const fault = refused({ kind: "internal", recovered: false }, { code: "InvalidAccessKeyId" });
    const world = await OperationWorld.open({
      reply: (_, nth) => (nth === 0 ? { end: LOST, delayMs: 20 } : { end: fault, delayMs: 3000 }),
    });
    const { id } = await world.submit(100);
    const process = world.start();
    await world.clock.advance(2000);
    expect(world.calls).toHaveLength(2);
    await world.store.stop(id);
    process.runner.stop(id);
    await world.clock.advance(5000);
    expect(count(await world.store.get(id), "unknown")).toBe(100);
  });

  it("stops within five seconds when another process was told", async () => {
    const world = await OperationWorld.open();
    const { id } = await world.submit(45_000);
    world.start();
    await world.clock.advance(2000);
    await world.store.stop(id);
    await world.clock.advance(5000);
    expect(await world.store.get(id)).toMatchObject({ state: "stopped" });
  });

  it("ends after three calls in a row that were refused as a whole", async () => {
    const world = await OperationWorld.open({ reply: (_, nth) => ({ end: requestWide(nth), delayMs: 20 }) });
    const { id } = await world.submit(50_000);
    world.start();
    await world.clock.advance(5000);
    const record = await world.store.get(id);
    expect(record).toMatchObject({ state: "done", waiting: 0 });
    expect(world.calls).toHaveLength(3);
    expect(count(record, "rejected")).toBe(600);
    expect(count(record, "not-attempted")).toBe(49_400);
    expect(JSON.parse(record?.failure ?? "")).toMatchObject({ kind: "rejected", rejection: "not-found" });
  });

  it("ends also if that is decided while the store is being asked for more (was: never)", async () => {
    const world = await OperationWorld.open({ reply: (_, nth) => ({ end: requestWide(nth), delayMs: 20 }) });
    world.storeMs = 400;
    const { id } = await world.submit(50_000);
    world.start();
    for (let step = 0; step < 50; step++) await world.clock.advance(100);
    const record = await world.store.get(id);
    expect(record).toMatchObject({ state: "done", waiting: 0 });
    expect(world.calls).toHaveLength(3);
    expect(count(record, "not-attempted")).toBe(49_400);
  });

  it("goes on when only one call in between was refused as a whole", async () => {
    const world = await OperationWorld.open({
      reply: (_, nth) => (nth % 2 === 1 ? { end: requestWide(nth), delayMs: 20 } : undefined),
    });
    const { id } = await world.submit(2000);
    world.start();
    await world.clock.advance(5000);
    const record = await world.store.get(id);
    expect(record).toMatchObject({ state: "done", failure: "" });
    expect(count(record, "rejected")).toBe(1000);
  });

  it("pauses while the gateway's own keys are at fault, and then sends what was left", async () => {
    let isFault = true;
    const fault = refused({ kind: "internal", recovered: false }, { code: "InvalidAccessKeyId" });
    const world = await OperationWorld.open({ reply: () => (isFault ? { end: fault, delayMs: 20 } : undefined) });
    const { id } = await world.submit(3000);
    world.start();
    await world.clock.advance(5000);
    expect(world.calls.length).toBeLessThanOrEqual(10);
    const paused = await world.store.get(id);
    expect(paused).toMatchObject({ state: "running", waiting: 3000 });
    expect(paused?.progress.obstacle).toMatch(/next attempt/);
    isFault = false;
    await world.clock.advance(40_000);
    expect(await world.store.get(id)).toMatchObject({ state: "done", failure: "", progress: { obstacle: "" } });
  });

  it("says why it pauses, also if the store was being asked for more (was: forgotten at its answer)", async () => {
    const INTERNAL = refused({ kind: "internal", recovered: false });
    const world = await OperationWorld.open({ reply: () => ({ end: INTERNAL, delayMs: 20 }) });
    world.storeMs = 400;
    const { id } = await world.submit(50_000);
    world.start();
    for (let step = 0; step < 50; step++) await world.clock.advance(100);
    expect((await world.store.get(id))?.progress.obstacle).toMatch(/the next attempt/);
  });

  it("finds the one device at fault, and reports it alone", async () => {
    const world = await OperationWorld.open({
      reply: (names) => (names.includes("device-250") ? { end: DEVICE_FAULT, delayMs: 20 } : undefined),
    });
    const { id } = await world.submit(1000);
    world.start();
    await world.clock.advance(20_000);
    const record = await world.store.get(id);
    expect(record).toMatchObject({ state: "done", failure: "" });
    expect(count(record, "rejected")).toBe(1);
    expect((await world.outcomes(id)).get("device-250")).toBe("rejected");
  });

  it("says why, if no device ended well", async () => {
    const world = await OperationWorld.open({ reply: () => ({ end: DEVICE_FAULT, delayMs: 20 }) });
    const { id } = await world.submit(2);
    world.start();
    await world.clock.advance(20_000);
    const record = await world.store.get(id);
    expect(record).toMatchObject({ state: "done" });
    expect(JSON.parse(record?.failure ?? "")).toMatchObject({ kind: "rejected" });
  });

  it("repeats calls whose answer was lost", async () => {
    const world = await OperationWorld.open({
      reply: (_, nth) => (nth === 0 ? { end: LOST, delayMs: 20 } : undefined),
    });
    const { id } = await world.submit(200);
    world.start();
    await world.clock.advance(20_000);
    expect(count(await world.store.get(id), "accepted")).toBe(200);
    expect(world.calls).toHaveLength(2);
  });

  it("feeds nothing that could not be recorded while the store is away, and goes on when it is back", async () => {
    const world = await OperationWorld.open();
    const { id } = await world.submit(45_000);
    world.start();
    await world.clock.advance(1000);
    world.isStoreAway = true;
    await world.clock.advance(30_000);
    const sent = world.sent().size;
    expect(sent).toBeLessThanOrEqual(22_000); // what had been fed
    await world.clock.advance(30_000);
    expect(world.sent().size).toBe(sent);
    world.isStoreAway = false;
    await world.clock.advance(60_000);
    const record = await world.store.get(id);
    expect(record).toMatchObject({ state: "done" });
    expect(count(record, "accepted")).toBe(45_000);
    expect(Math.max(...world.sent().values())).toBe(1); // all of it was recorded after all
  });

  it("feeds beside recording in a slow store, so that calls never wait for devices", async () => {
    const world = await OperationWorld.open();
    await world.submit(80_000);
    world.storeMs = 250;
    world.start();
    await world.clock.advance(30_000);
    const sentMs = world.calls.map((call) => call.sentMs).slice(10);
    const gapsMs = sentMs.slice(1).map((ms, nth) => ms - (sentMs[nth] as number));
    expect(sentMs.length).toBeGreaterThan(200);
    expect(Math.max(...gapsMs)).toBeLessThan(world.storeMs);
  });

  it("sends nothing for a lease that may be another's, and records what was sent", async () => {
    const world = await OperationWorld.open();
    const { id } = await world.submit(45_000);
    world.start();
    await world.clock.advance(1000);
    world.isStoreAway = true;
    await world.clock.advance(15_000);
    // The last renewal was at the start; five seconds before the end of that lease it stops.
    expect(Math.max(...world.calls.map(({ sentMs }) => sentMs))).toBeLessThanOrEqual(10_000);
    world.isStoreAway = false;
    await world.clock.advance(90_000);
    expect(count(await world.store.get(id), "accepted")).toBe(45_000);
  });

  it("sends what a slow store gave it after its lease had lapsed, once that is renewed (was: never)", async () => {
    const world = await OperationWorld.open();
    const { id } = await world.submit(2000);
    world.storeMs = 200;
    world.start();
    await world.clock.advance(150); // the lease is on its way back
    world.isStoreHung = true;
    await world.clock.advance(11_000);
    world.isStoreHung = false;
    await world.clock.advance(10_000);
    expect(await world.store.get(id)).toMatchObject({ state: "done" });
  });

  it("takes over within a second after the lease of a dead process has ended", async () => {
    const world = await OperationWorld.open();
    await world.submit(45_000);
    const first = world.start();
    world.start();
    await world.clock.advance(5900); // renewed at 4 s
    first.die();
    const before = world.calls.length;
    await world.clock.advance(4000 + 15_000 - 5900 - 1);
    expect(world.calls).toHaveLength(before);
    await world.clock.advance(1000);
    expect(world.calls.length).toBeGreaterThan(before);
  });

  it("goes on with what it holds when the store's clock is set forward (was: leased it a second time)", async () => {
    let aheadMs = 0;
    const world = await OperationWorld.open({
      reply: () => ({ end: accepted(), delayMs: 400 }),
      open: async (clock) => {
        const ahead = new Proxy(clock, {
          get: (_, name) => {
            if (name === "wallNow") return () => clock.wallNow() + aheadMs;
            const value = clock[name as keyof typeof clock] as unknown;
            return typeof value === "function" ? value.bind(clock) : value;
          },
        });
        return (await openSqlite(WIDE_BOUNDS, ":memory:", ahead)).store;
      },
    });
    const { id } = await world.submit(10_000);
    world.start();
    await world.clock.advance(2500); // renewed at 2 s
    aheadMs = 60_000;
    await world.clock.advance(20_000);
    expect(await world.store.get(id)).toMatchObject({ state: "done" });
    expect(Math.max(...world.sent().values())).toBe(1);
  });

  it("gathers no calls to a store that hangs: one is under way, and one waits", async () => {
    const world = await OperationWorld.open();
    world.start();
    await world.clock.advance(1000);
    world.isStoreHung = true;
    await world.clock.advance(60_000);
    world.asked.length = 0;
    world.isStoreHung = false;
    await world.clock.advance(100);
    expect(world.asked.filter((method) => method === "lease")).toHaveLength(2);
  });

  it("leaves: what was sent is recorded, the rest waits for the next process without delay", async () => {
    const world = await OperationWorld.open({ reply: () => ({ end: accepted(), delayMs: 400 }) });
    const { id } = await world.submit(20_000);
    const first = world.start();
    await world.clock.advance(2000);
    const closed = first.runner.close();
    await world.clock.advance(1000);
    await closed;
    expect(count(await world.store.get(id), "accepted")).toBe(world.sent().size);
    world.start();
    await world.clock.advance(30_000);
    expect(await world.store.get(id)).toMatchObject({ state: "done" });
    expect(Math.max(...world.sent().values())).toBe(1);
  });

  it("leaves also while the store is being asked for more (was: never)", async () => {
    const world = await OperationWorld.open();
    const { id } = await world.submit(45_000);
    world.storeMs = 250;
    const { runner } = world.start();
    await world.clock.advance(900);
    let hasLeft = false;
    void runner.close().then(() => {
      hasLeft = true;
    });
    for (let step = 0; step < 20; step++) await world.clock.advance(100);
    expect(hasLeft).toBe(true);
    expect(count(await world.store.get(id), "accepted")).toBe(world.sent().size);
  });

  it("works for a caller whose bound is smaller than a chunk", async () => {
    const world = await OperationWorld.open({ queuedDevicesPerCaller: 150 });
    const { id } = await world.submit(3000);
    world.start();
    await world.clock.advance(60_000);
    expect(count(await world.store.get(id), "accepted")).toBe(3000);
  });

  it("has at most two windows of one caller under way, over all its operations", async () => {
    const world = await OperationWorld.open({ reply: () => ({ end: accepted(), delayMs: 9000 }) });
    for (let n = 0; n < 5; n++) await world.submit(30_000);
    const { gateway } = world.start();
    await world.clock.advance(2000);
    const { waitingByCaller } = gateway.monitor.reading();
    expect(waitingByCaller.get("fleet")).toBeLessThanOrEqual(40_000);
    expect(waitingByCaller.get("fleet")).toBeGreaterThanOrEqual(30_000);
  });

  it("waits while the caller has no right to it", async () => {
    const world = await OperationWorld.open();
    world.forbidden = "the caller has no right to this product";
    const { id } = await world.submit(300);
    world.start();
    await world.clock.advance(10_000);
    expect(world.calls).toEqual([]);
    expect((await world.store.get(id))?.progress.obstacle).toBe(world.forbidden);
    world.forbidden = undefined;
    await world.clock.advance(40_000);
    expect(await world.store.get(id)).toMatchObject({ state: "done" });
  });

  it("ends an operation of an unknown account that nobody has run", async () => {
    const world = await OperationWorld.open();
    const { id } = await world.submit(300, { timeToLiveMs: 5000 }, { account: "gone" });
    world.start();
    await world.clock.advance(5000 + 60_000 + 5000);
    const record = await world.store.get(id);
    expect(record).toMatchObject({ state: "expired", waiting: 0 });
    expect(count(record, "not-attempted")).toBe(300);
    expect(world.ended).toEqual([record]);
  });

  // The lease is renewed every two seconds, and says by then that it is lost.
  it.each([100, 10_000])(
    "reports an end once whose answers were lost for %i ms, whatever looks meanwhile (was: never)",
    async (lostMs) => {
      const world = await OperationWorld.open();
      const known = await world.submit(300);
      const foreign = await world.submit(300, { timeToLiveMs: 1000 }, { account: "gone" });
      world.lostAnswers = new Set(["end"]);
      const first = world.start();
      world.start();
      for (const { id } of [known, foreign]) {
        while ((await world.store.get(id))?.endMs === undefined) await world.clock.advance(100);
        await world.clock.advance(lostMs);
        expect(world.ended.filter((each) => each.id === id)).toEqual([]);
        world.lostAnswers = new Set();
        await world.clock.advance(20_000);
        expect(world.ended.filter((each) => each.id === id)).toEqual([await world.store.get(id)]);
        world.lostAnswers = new Set(["end"]);
      }
      await first.runner.close(); // nothing is left to be awaited
    },
  );

  describe("with verify", () => {
    const verify = { verify: true };

    it("stores the outcome of the cancel first, and then what was read back", async () => {
      const world = await OperationWorld.open({ readingMs: 20_000 });
      const { id } = await world.submit(300, verify);
      world.start();
      await world.clock.advance(5000);
      expect(await world.store.get(id)).toMatchObject({ state: "running", waiting: 300 });
      await world.clock.advance(20_000);
      const record = await world.store.get(id);
      expect(record).toMatchObject({ state: "done", waiting: 0 });
      expect(count(record, "verified-canceled")).toBe(300);
      expect(world.calls).toHaveLength(2);
    });

    it("goes on reading after a death, and cancels nothing again", async () => {
      const world = await OperationWorld.open({ readingMs: 20_000 });
      const { id } = await world.submit(300, verify);
      const first = world.start();
      await world.clock.advance(5000);
      first.die();
      await world.clock.advance(12_000);
      world.start();
      await world.clock.advance(40_000);
      expect(count(await world.store.get(id), "verified-canceled")).toBe(300);
      expect(world.calls).toHaveLength(2);
    });

    it("may read for a while after the time to live, but sends nothing", async () => {
      const world = await OperationWorld.open({ readingMs: 20_000 });
      const { id } = await world.submit(20_000, { ...verify, timeToLiveMs: 5000 });
      world.start();
      await world.clock.advance(60_000);
      const record = await world.store.get(id);
      expect(record).toMatchObject({ state: "expired", waiting: 0 });
      expect(count(record, "verified-canceled")).toBe(world.sent().size);
    });

    it("stops reading when it is told to stop: accepted devices stay accepted", async () => {
      const world = await OperationWorld.open({ readingMs: 20_000 });
      const { id } = await world.submit(300, verify);
      const process = world.start();
      await world.clock.advance(5000);
      await world.store.stop(id);
      process.runner.stop(id);
      await world.clock.advance(1000);
      const record = await world.store.get(id);
      expect(record).toMatchObject({ state: "stopped", waiting: 0 });
      expect(count(record, "accepted")).toBe(300);
    });
  });
});
