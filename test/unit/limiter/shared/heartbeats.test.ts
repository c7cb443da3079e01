import { setMaxListeners } from "node:events";
import { describe, expect, it } from "vitest";
import type { Limiter, Wish } from "../../../../src/gateway/limiter.js";
import { Heartbeats } from "../../../../src/limiter/shared/heartbeats.js";
import { createSharedLedger } from "../../../../src/limiter/shared/ledger.js";
import { FakeLog } from "../../../support/fake-log.js";
import { HandClock } from "../../../support/hand-clock.js";
import { LuaStore } from "../../../support/lua-store.js";

const NORMAL: Wish = { priority: "normal", newcomer: false };
const OPENING_MS = 4000;
const never = new AbortController().signal;
setMaxListeners(0, never);

/** A replica with so many ledgers in one store. */
function start(clock: HandClock, stores: readonly LuaStore[], replica: string) {
  const heartbeats = new Heartbeats(clock);
  const log = new FakeLog();
  let isCut = false;
  const ledgers = stores.map((store) =>
    createSharedLedger({
      ...{ clock, log, replica, callsPerSecond: 10, callTimeoutMs: 2000, onStoreLoss: "closed" },
      store: {
        heartbeats,
        run: async (args) => {
          if (isCut) throw new Error("not connected");
          return store.run(args);
        },
        wake: (message) => store.wake(message),
        onWake: (wake) => store.listen(wake),
      },
    }),
  );
  return {
    ledgers: ledgers as [Limiter, ...Limiter[]],
    cut: (is: boolean) => {
      isCut = is;
    },
  };
}

function commands(stores: readonly LuaStore[]): number {
  return stores.reduce((all, store) => all + store.commands, 0);
}

describe("Heartbeats", () => {
  it("asks twice a second for all idle ledgers of a replica together", async () => {
    const clock = new HandClock();
    const stores = Array.from({ length: 20 }, () => new LuaStore(clock));
    start(clock, stores, "a");
    await clock.advance(OPENING_MS + 1000);
    const before = commands(stores);
    await clock.advance(20_000);
    expect(commands(stores) - before).toBe(40);
    for (const store of stores) expect(store.commands).toBeGreaterThanOrEqual(2);
  });

  it("lets the first request after a quiet time send at once, in a ledger that stays open", async () => {
    const clock = new HandClock();
    const stores = Array.from({ length: 200 }, () => new LuaStore(clock));
    const [first] = start(clock, stores, "a").ledgers;
    await clock.advance(OPENING_MS + 90_000);
    const wantedMs = clock.now();
    const taking = first.take({ ...NORMAL, newcomer: true }, never);
    await clock.advance(0);
    const token = await taking;
    expect([clock.now() - wantedMs, token.send(), first.state().mode]).toEqual([0, true, "shared"]);
  });

  it("makes all ledgers notice within a second that the store is away, and that it is back", async () => {
    const clock = new HandClock();
    const stores = Array.from({ length: 50 }, () => new LuaStore(clock));
    const { ledgers, cut } = start(clock, stores, "a");
    await clock.advance(OPENING_MS + 30_000);
    cut(true);
    await clock.advance(1000);
    expect(new Set(ledgers.map((ledger) => ledger.state().mode))).toEqual(new Set(["away"]));
    cut(false);
    await clock.advance(1000);
    expect(new Set(ledgers.map((ledger) => ledger.state().mode))).toEqual(new Set(["shared"]));
  });

  it("counts an idle replica as present between its turns, and no longer once it has left", async () => {
    const clock = new HandClock();
    const stores = Array.from({ length: 40 }, () => new LuaStore(clock));
    start(clock, stores, "a");
    const leaving = start(clock, stores, "b").ledgers;
    await clock.advance(OPENING_MS + 60_000);
    const { ledgers } = start(clock, stores, "c");
    await clock.advance(1);
    expect(new Set(ledgers.map((ledger) => ledger.state().replicas))).toEqual(new Set([3]));
    for (const ledger of leaving) void ledger.close();
    await clock.advance(50_000);
    expect(new Set(ledgers.map((ledger) => ledger.state().replicas))).toEqual(new Set([2]));
  });

  it("notices after a quiet time that the clock of the store has stepped, before a call is sent", async () => {
    const clock = new HandClock();
    const stores = Array.from({ length: 100 }, () => new LuaStore(clock));
    const [first] = start(clock, stores, "a").ledgers;
    await clock.advance(OPENING_MS + 100_000);
    for (const store of stores) store.skewMs += 5000;
    let isGranted = false;
    void first.take(NORMAL, never).then(() => {
      isGranted = true;
    });
    await clock.advance(OPENING_MS - 1);
    expect([isGranted, first.state().mode]).toEqual([false, "opening"]);
  });

  it("leaves no timer behind when the last ledger is closed", async () => {
    const clock = new HandClock();
    const { ledgers } = start(clock, [new LuaStore(clock), new LuaStore(clock)], "a");
    await clock.advance(OPENING_MS);
    const closing = Promise.all(ledgers.map((ledger) => ledger.close()));
    await clock.advance(10);
    await closing;
    expect(clock.armed).toBe(0);
  });
});
