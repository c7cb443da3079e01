import { describe, expect, it, onTestFinished } from "vitest";
import { OperationsWatch } from "../../../src/operations/operations-watch.js";
import { HandClock } from "../../support/hand-clock.js";
import { openSqlite } from "../../support/sqlite-world.js";
import { leaseOne, submit } from "../../support/stored-operation.js";

async function watched() {
  const clock = new HandClock();
  const world = await openSqlite(undefined, ":memory:", clock);
  const failures: unknown[] = [];
  const watch = new OperationsWatch(world.store, clock, (error) => failures.push(error));
  onTestFinished(() => watch.close());
  return { ...world, clock, watch, failures };
}

describe("OperationsWatch", () => {
  it("has read the store soon after an operation was submitted, and after it has ended", async () => {
    const { store, clock, watch } = await watched();
    const { id } = await submit(store, 10);
    await clock.advance(3000);
    expect(watch.reading).toMatchObject({ running: [{ id, waiting: 10 }], ended: [], storedDevices: 100 });
    await store.end(await leaseOne(store), { state: "stopped", failure: "", sent: "", unsent: "" });
    await clock.advance(3000);
    expect(watch.reading).toMatchObject({ running: [], ended: [{ id, state: "stopped" }], isStale: false });
    expect(watch.reading?.wallMs).toBe(clock.wallNow());
  });

  it("keeps the last reading of a store that is away, and says that it is old", async () => {
    const { store, clock, watch, failures } = await watched();
    await submit(store, 10);
    await clock.advance(3000);
    const { wallMs } = watch.reading ?? {};
    await store.close();
    await clock.advance(3000);
    expect(watch.reading).toMatchObject({ wallMs, running: [{ waiting: 10 }], isStale: true });
    expect(failures).toEqual([]);
  });

  it("does not ask a slow store a second time meanwhile", async () => {
    const clock = new HandClock();
    let asked = 0;
    const list = () => {
      asked += 1;
      return new Promise<never>(() => {});
    };
    const watch = new OperationsWatch({ list, storedDevices: async () => 0 }, clock);
    await clock.advance(60_000);
    expect(asked).toBe(1);
    watch.close();
    expect(clock.armed).toBe(0);
  });
});
