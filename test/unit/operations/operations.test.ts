// What waiting for an operation comes to. No account is configured, so that none is run.
import { describe, expect, it } from "vitest";
import { Operations } from "../../../src/operations/operations.js";
import { FakeLog } from "../../support/fake-log.js";
import { HandClock } from "../../support/hand-clock.js";
import { openSqlite } from "../../support/sqlite-world.js";
import { leaseOne, submit, WIDE_BOUNDS } from "../../support/stored-operation.js";

async function open(failures = 0) {
  const clock = new HandClock();
  const { store } = await openSqlite(WIDE_BOUNDS, ":memory:", clock);
  let attempts = 0;
  const openStore = async () => {
    if (attempts++ < failures) throw new Error("no thread can be started");
    return store;
  };
  const operations = new Operations({
    ...{ clock, log: new FakeLog(), gateways: new Map(), open: openStore, holder: "here" },
    ...{ mostDevicesPerOperation: 1000, mostOperationsPerCaller: 10 },
    stops: { accounts: new Map(), forbidden: () => undefined, planned: () => {} },
    ...{ forbidden: () => undefined, ended: () => {}, spanOf: () => undefined },
  });
  for (let n = 0; n < failures; n++) await expect(operations.open()).rejects.toThrow("no thread can be started");
  await operations.open();
  const wait = (id: string, forMs: number) => operations.wait(id, clock.now() + forMs, new AbortController().signal);
  return { clock, store, operations, wait };
}

describe("Operations", () => {
  it("opens the store again after it could not be opened (was: never again)", async () => {
    const { store, operations } = await open(1);
    const { id } = await submit(store, 1);
    expect(await operations.get(id)).toMatchObject({ id });
  });

  it("ends a wait when it begins to drain", async () => {
    const { clock, store, operations, wait } = await open();
    const record = await submit(store, 1);
    const waiting = wait(record.id, 60_000);
    await clock.advance(10);
    const left = operations.leave();
    await clock.advance(0);
    expect(await waiting).toEqual(record);
    await left;
    expect(await wait(record.id, 60_000)).toEqual(record);
  });

  it("still says while it drains what is known: that it has ended, or how far it is now", async () => {
    const { clock, store, operations, wait } = await open();
    await submit(store, 1);
    const ended = await store.end(await leaseOne(store), { state: "done", failure: "", sent: "", unsent: "" });
    const running = await submit(store, 1);
    await operations.leave();
    expect(await wait(ended.id, 60_000)).toEqual(ended);
    expect(await wait(running.id, 0)).toEqual(running);
    expect(clock.armed).toBe(0);
  });
});
