import { describe, expect, it } from "vitest";
import { observedStore, type StoreObserver } from "../../../src/operations/observed-store.js";
import { type OperationStore, StoreFull, StoreUnavailable } from "../../../src/operations/store.js";
import { HandClock } from "../../support/hand-clock.js";
import { openSqlite } from "../../support/sqlite-world.js";
import { leaseOne, submit, WIDE_BOUNDS } from "../../support/stored-operation.js";

async function observe(bounds = WIDE_BOUNDS) {
  const clock = new HandClock();
  const world = await openSqlite(bounds, ":memory:", clock);
  const seen: string[] = [];
  const observer: StoreObserver = {
    committed: (call, durationMs) => seen.push(`${call} ${durationMs}`),
    failed: () => seen.push("failed"),
    deletedOperation: () => seen.push("deleted"),
  };
  return { world, clock, seen, observer, store: observedStore(world.store, clock, observer) };
}

describe("observedStore", () => {
  it("reports each commit, and nothing that only reads", async () => {
    const { store, seen } = await observe();
    const { id } = await submit(store, 10);
    await store.get(id);
    await store.list({ most: 1 });
    const lease = await leaseOne(store);
    await store.feed(lease, -1);
    await store.end(lease, { state: "done", failure: "", sent: "", unsent: "" });
    expect(seen).toEqual(["stage 0", "publish 0", "feed 0", "end 0"]);
  });

  it("measures a commit from its call to its answer", async () => {
    const { world, clock, seen, observer } = await observe();
    const slow: OperationStore = Object.assign(Object.create(world.store), {
      stage: () => new Promise<void>((resolve) => clock.at(clock.now() + 40, resolve)),
    });
    const staged = observedStore(slow, clock, observer).stage("id", 0, ["device"]);
    await clock.advance(40);
    await staged;
    expect(seen).toEqual(["stage 40"]);
  });

  it("reports a store that is away, and no refusal of the store", async () => {
    const { store, world, seen } = await observe({ ...WIDE_BOUNDS, devices: 5 });
    await expect(store.stage("a".repeat(26), 0, Array(10).fill("device"))).rejects.toThrow(StoreFull);
    expect(seen).toEqual([]);
    await world.close();
    await expect(store.list({ most: 1 })).rejects.toThrow(StoreUnavailable);
    expect(seen).toEqual(["failed"]);
  });

  it("reports what is deleted when its retention is over", async () => {
    const { store, world, seen } = await observe();
    await submit(store, 10);
    await store.end(await leaseOne(store), { state: "done", failure: "", sent: "", unsent: "" });
    await world.advance(WIDE_BOUNDS.retentionMs + 1);
    while ((await store.sweep()) !== "nothing");
    expect(seen.slice(-1)).toEqual(["deleted"]);
  });
});
