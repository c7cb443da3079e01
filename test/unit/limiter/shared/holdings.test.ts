import { beforeEach, describe, expect, it } from "vitest";
import type { Token, Wish } from "../../../../src/gateway/limiter.js";
import { Holdings } from "../../../../src/limiter/shared/holdings.js";
import { HandClock } from "../../../support/hand-clock.js";

const NORMAL: Wish = { priority: "normal", newcomer: false };
const SHARE_MS = 30_000;

let clock: HandClock;
let held: Holdings;

beforeEach(() => {
  clock = new HandClock();
  const callbacks = { storeServes: () => false, changed: () => {} };
  held = new Holdings({ clock, callTimeoutMs: 2000, reserve: 1, shareMs: SHARE_MS, ...callbacks });
});

/** Granted now, and kept a second later because the store is away. */
async function keep(token: string): Promise<void> {
  const granted = held.receive(token, false, clock.now());
  granted?.send();
  granted?.settle({ kind: "answered" });
  await clock.advance(1000);
  expect(held.kept()).toEqual([token]);
}

describe("Holdings", () => {
  it("takes no grant of a token while a call is under way with it (was: a second call with the same token)", async () => {
    await keep("a.1");
    const used = held.takeKept(NORMAL) as Token;
    used.send();
    expect(held.receive("a.1", false, clock.now())).toBeUndefined();
    used.settle({ kind: "answered" });
    expect(held.receive("a.1", false, clock.now())).toBeUndefined();
    await clock.advance(1000);
    expect(held.drain().back).toEqual([]);
    expect(held.receive("a.1", false, clock.now())).toBeDefined();
  });

  it("does not give back what the store is being asked to leave us (was: given back, and kept as well)", async () => {
    await keep("a.1");
    await clock.advance(SHARE_MS - 1100);
    const askedMs = clock.now();
    const asked = held.kept();
    await clock.advance(200);
    expect(held.kept()).toEqual([]); // too late to start a call, unless the store leaves it
    held.noteKept(asked, new Set(asked), askedMs);
    expect([held.kept(), held.drain().back]).toEqual([["a.1"], []]);
  });

  it("gives back a kept token that cannot be used any more", async () => {
    await keep("a.1");
    await clock.advance(SHARE_MS);
    expect(held.drain().back).toEqual([{ token: "a.1", used: true }]);
  });

  it("gives back what the store does not leave us", async () => {
    await keep("a.1");
    held.noteKept(["a.1"], new Set(), clock.now());
    expect([held.kept(), held.drain().back]).toEqual([[], [{ token: "a.1", used: true }]]);
  });

  it("starts calls with kept tokens as far apart as these allow", async () => {
    const granted = ["a.1", "a.2"].map((token) => held.receive(token, false, clock.now()));
    for (const token of granted) token?.send();
    for (const token of granted) token?.settle({ kind: "answered" });
    await clock.advance(1000);
    expect(held.kept()).toEqual(["a.1", "a.2"]);
    expect(held.takeKept(NORMAL)).toBeTypeOf("object");
    expect(held.takeKept(NORMAL)).toBe(clock.now() + 500);
    await clock.advance(500);
    expect(held.takeKept(NORMAL)).toBeTypeOf("object");
    expect(held.takeKept(NORMAL)).toBeUndefined();
  });

  it.each([
    ["answered", 400 / 8],
    ["throttled", 0],
    ["lost", 0],
  ] as const)("learns how long answers take from those that came: a call was %s", async (kind, answerMs) => {
    const token = held.receive("a.1", false, clock.now());
    token?.send();
    await clock.advance(400);
    token?.settle({ kind });
    expect(held.answerMs).toBe(answerMs);
  });

  it("refuses to settle a token twice", () => {
    const token = held.receive("a.1", false, clock.now());
    token?.send();
    token?.settle({ kind: "answered" });
    expect(() => token?.settle({ kind: "answered" })).toThrow("settled twice");
  });

  it("gives a start back with a token that was not sent with, and none with one that was", () => {
    const options = { clock, callTimeoutMs: 2000, reserve: 0, shareMs: 0, storeServes: () => true, changed: () => {} };
    held = new Holdings(options);
    const [unsent, unwritten] = ["a.1", "a.2"].map((token) => held.receive(token, false, clock.now()));
    unwritten?.send();
    for (const token of [unsent, unwritten]) token?.settle({ kind: "unwritten" });
    expect(held.drain().back).toEqual([
      { token: "a.1", used: false },
      { token: "a.2", used: true },
    ]);
  });
});
