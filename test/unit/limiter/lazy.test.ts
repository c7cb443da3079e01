import { describe, expect, it } from "vitest";
import type { Wish } from "../../../src/gateway/limiter.js";
import { createLazyLedger } from "../../../src/limiter/lazy.js";
import { FakeLimiter } from "../../support/fake-limiter.js";
import { HandClock, settle } from "../../support/hand-clock.js";

const WISH: Wish = { priority: "normal", newcomer: false };
const QUIET_MS = 30_000;

function start({ quietMs }: { quietMs: number | undefined } = { quietMs: QUIET_MS }) {
  const clock = new HandClock();
  const opened: FakeLimiter[] = [];
  const open = () => {
    const limiter = new FakeLimiter({ clock, callsPerSecond: 5 });
    opened.push(limiter);
    return limiter;
  };
  const lazy = createLazyLedger({ clock, callsPerSecond: 5, open, mode: "shared", quietMs });
  const take = () => lazy.take(WISH, new AbortController().signal);
  return { clock, opened, lazy, take };
}

describe("createLazyLedger", () => {
  it("opens no ledger before the first call, and then one", async () => {
    const { opened, lazy, take, clock } = start();
    expect(lazy.state()).toMatchObject({ mode: "shared", callsPerSecond: 5, free: 5 });
    await clock.advance(100_000);
    expect(opened).toEqual([]);
    const token = await take();
    expect(opened).toHaveLength(1);
    expect(lazy.state()).toMatchObject({ free: 4 });
    token.settle({ kind: "unwritten" });
  });

  it("closes it after a quiet time, and opens another for the next call", async () => {
    const { opened, take, clock } = start();
    const token = await take();
    token.send();
    await clock.advance(2 * QUIET_MS);
    expect(opened[0]?.closed).toBe(false);
    token.settle({ kind: "answered" });
    await clock.advance(QUIET_MS - 1);
    (await take()).settle({ kind: "unwritten" });
    await clock.advance(QUIET_MS - 1);
    expect(opened[0]?.closed).toBe(false);
    await clock.advance(1);
    expect(opened[0]?.closed).toBe(true);
    await take();
    expect(opened).toHaveLength(2);
  });

  it("leaves it open without a quiet time", async () => {
    const { opened, lazy, clock } = start({ quietMs: undefined });
    const signal = new AbortController().signal;
    (await lazy.take(WISH, signal)).settle({ kind: "unwritten" });
    await clock.advance(1_000_000);
    expect([opened.length, opened[0]?.closed, clock.armed]).toEqual([1, false, 0]);
  });

  it("notices takers that leave, and grants that are too old", async () => {
    const { opened, lazy, take, clock } = start();
    const abort = new AbortController();
    const first = await take();
    await clock.advance(1000);
    const tokens = [first, await take()];
    abort.abort(new Error("left"));
    await expect(lazy.take(WISH, abort.signal)).rejects.toThrow("left");
    (opened[0] as FakeLimiter).staleGrants = 2;
    expect(tokens.map((token) => token.send())).toEqual([false, false]);
    await clock.advance(QUIET_MS);
    expect(opened[0]?.closed).toBe(true);
  });

  it("greets the ledger once and leaves it; a call that comes meanwhile waits", async () => {
    const { opened, lazy, take } = start();
    const greeted = lazy.greet();
    const token = take();
    await greeted;
    await token;
    expect(opened.map(({ closed }) => closed)).toEqual([true, false]);
  });

  it("rejects everything once it is closed", async () => {
    const { lazy, take, opened } = start();
    await take();
    await lazy.close();
    await settle();
    expect(opened[0]?.closed).toBe(true);
    await expect(take()).rejects.toThrow("the ledger is closed");
  });
});
