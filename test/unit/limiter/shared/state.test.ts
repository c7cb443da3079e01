import { beforeEach, describe, expect, it } from "vitest";
import { Holdings } from "../../../../src/limiter/shared/holdings.js";
import { type Heard, stateOf } from "../../../../src/limiter/shared/state.js";
import { HandClock } from "../../../support/hand-clock.js";

const QUOTA = 10;

let clock: HandClock;
let held: Holdings;

/** A reply received a tenth of a second ago, at 1000. */
function heard(more: Partial<Heard> = {}): Heard {
  return {
    ...{ epoch: "1", storeMs: 0, opensInMs: 0, pausedForMs: 0, withheld: 0, free: QUOTA, countsMs: 0, replicas: 2 },
    ...{ fallbackForMs: 0, yields: false, kept: new Set(), inUseForMs: new Map(), atMs: 1000, opensMs: 0, ...more },
  };
}

/** At 1100: one token in flight since 950, one that is back at 1800, and one that is kept. */
async function holdSome(): Promise<void> {
  const cooling = held.receive("a.1", false, 0)?.token;
  cooling?.send();
  await clock.advance(800);
  cooling?.settle({ kind: "answered" }); // an eighth of that is now typical
  held.noteKept(["a.3"], new Set(["a.3"]), clock.now());
  await clock.advance(150);
  held.receive("a.2", false, clock.now())?.token.send();
  await clock.advance(150);
}

beforeEach(() => {
  clock = new HandClock();
  const callbacks = { storeServes: () => true, changed: () => {} };
  held = new Holdings({ clock, callTimeoutMs: 2000, reserve: 1, shareMs: 30_000, ...callbacks });
});

describe("stateOf", () => {
  it("counts what this replica holds, what others use, and what they keep in reserve", async () => {
    await holdSome();
    const inUseForMs = new Map(Object.entries({ "a.1": 1000, "a.2": 50, "b.1": 90, "b.2": 1500 }));
    expect(stateOf(clock.now(), QUOTA, held, heard({ free: 3, inUseForMs }))).toEqual({
      mode: "shared",
      callsPerSecond: QUOTA,
      spaceMs: 110,
      free: 4, // with our own that is kept
      inFlightSinceMs: [950, -500], // for longer than an answer and a second
      coolingUntilMs: [1800, 910 + 100 + 1000, 31_100, 31_100],
      withheld: 0,
      pausedUntilMs: 1000, // over: there is none
      replicas: 2,
    });
  });

  it("takes another's token that would be back by now for one in flight", () => {
    clock = new HandClock({ nowMs: 2000 });
    const inUse = (forMs: number) => heard({ free: QUOTA - 1, inUseForMs: new Map([["b.1", forMs]]) });
    expect(stateOf(2000, QUOTA, held, inUse(1))).toMatchObject({ inFlightSinceMs: [999], coolingUntilMs: [] });
    expect(stateOf(1999, QUOTA, held, inUse(0))).toMatchObject({ inFlightSinceMs: [], coolingUntilMs: [2000] });
  });

  it("tells the pause and what is withheld as the store does, and leaves a token to find out with", () => {
    const state = stateOf(1100, QUOTA, held, heard({ pausedForMs: 500, withheld: 99 }));
    expect(state).toMatchObject({ pausedUntilMs: 1500, withheld: QUOTA - 1 });
  });

  it.each([
    ["away", undefined, 2100],
    ["opening", { opensMs: 7000 }, 7000],
  ])("has no more than what it holds while the store is %s", async (mode, more, untilMs) => {
    await holdSome();
    const state = stateOf(clock.now(), QUOTA, held, more && heard(more));
    expect(state).toMatchObject({ mode, free: 1, spaceMs: 110, withheld: 0, inFlightSinceMs: [950] });
    expect(state.coolingUntilMs).toEqual([1800, ...Array(7).fill(untilMs)]);
    expect(state.obstacle).toBeUndefined();
  });

  it.each([
    ["away", undefined, "the shared ledger cannot be reached"],
    ["opening", { opensMs: 7000 }, "the shared ledger is opening"],
  ])("names the obstacle if it holds nothing while the store is %s", (mode, more, obstacle) => {
    expect(stateOf(1100, QUOTA, held, more && heard(more))).toMatchObject({ mode, free: 0, obstacle });
  });

  it("says why the store is away only to the operator", () => {
    const { cause, obstacle } = stateOf(1100, QUOTA, held, undefined, "connect ECONNREFUSED 10.0.0.1:6379");
    expect(cause).toContain("10.0.0.1");
    expect(obstacle).not.toContain("10.0.0.1");
    expect(stateOf(1100, QUOTA, held, heard({}), "connect ECONNREFUSED").cause).toBeUndefined();
  });

  it.each(["a.1 in flight", "a.1 cooling", "a.1 kept"])("names none if it holds a token: %s", async (how) => {
    if (how === "a.1 kept") held.noteKept(["a.1"], new Set(["a.1"]), 0);
    else {
      const token = held.receive("a.1", false, 0)?.token;
      token?.send();
      if (how === "a.1 cooling") token?.settle({ kind: "answered" });
    }
    expect(stateOf(clock.now(), QUOTA, held, undefined).obstacle).toBeUndefined();
  });

  it.each(["in flight", "cooling"])("names it all the same if its tokens must go back to the store: %s", (how) => {
    const options = { clock, callTimeoutMs: 2000, reserve: 0, shareMs: 0, storeServes: () => false, changed: () => {} };
    const borrowed = new Holdings(options);
    const token = borrowed.receive("a.1", false, 0)?.token;
    token?.send();
    if (how === "cooling") token?.settle({ kind: "answered" });
    expect(stateOf(clock.now(), QUOTA, borrowed, undefined).obstacle).toBe("the shared ledger cannot be reached");
  });
});
