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
  const granted = held.receive(token, false, clock.now())?.token;
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
    const granted = ["a.1", "a.2"].map((token) => held.receive(token, false, clock.now())?.token);
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
    const token = held.receive("a.1", false, clock.now())?.token;
    token?.send();
    await clock.advance(400);
    token?.settle({ kind });
    expect(held.answerMs).toBe(answerMs);
  });

  it("offers the token that is back first, gives it back only after the answer, and uses it no sooner", async () => {
    const options = { clock, callTimeoutMs: 2000, reserve: 0, shareMs: 0, storeServes: () => true, changed: () => {} };
    held = new Holdings(options);
    for (const token of ["a.1", "a.2"]) {
      const granted = held.receive(token, false, clock.now())?.token;
      granted?.send();
      granted?.settle({ kind: "answered" });
      await clock.advance(100);
    }
    await clock.advance(750);
    expect(held.offer()).toEqual({ token: "a.1", freeMs: 1000 });
    await clock.advance(60);
    expect(held.drain().back).toEqual([]); // the answer is outstanding
    const again = held.receive("a.1", false, 950, 980);
    held.answerOffer("a.1", false);
    expect(again?.startMs).toBe(1000);
    expect([again?.token.send(), held.drain().back]).toEqual([true, []]);
    expect(held.offer()).toEqual({ token: "a.2", freeMs: 1100 });
    held.answerOffer("a.2", true);
    expect(held.offer()).toBeUndefined(); // another replica waits for it
    await clock.advance(90);
    expect(held.drain().back).toEqual([{ token: "a.2", used: true }]);
  });

  it("gives back a token that was granted again for nothing no sooner than its call allows (was: early)", async () => {
    const options = { clock, callTimeoutMs: 2000, reserve: 0, shareMs: 0, storeServes: () => true, changed: () => {} };
    held = new Holdings(options);
    const token = held.receive("a.1", false, clock.now())?.token;
    token?.send();
    token?.settle({ kind: "answered" });
    await clock.advance(900);
    held.offer();
    const again = held.receive("a.1", false, clock.now(), 1050);
    held.answerOffer("a.1", false);
    again?.token.settle({ kind: "unwritten" }); // its taker has left
    expect([held.drain().back, held.coolingUntilMs()]).toEqual([[], [1000]]);
    await clock.advance(99);
    expect(held.drain().back).toEqual([]);
    await clock.advance(1);
    expect(held.drain().back).toEqual([{ token: "a.1", used: false }]);
  });

  it("gives back a token that was offered, when the answer comes after its time", async () => {
    const options = { clock, callTimeoutMs: 2000, reserve: 0, shareMs: 0, storeServes: () => true, changed: () => {} };
    held = new Holdings(options);
    const token = held.receive("a.1", false, clock.now())?.token;
    token?.send();
    token?.settle({ kind: "answered" });
    held.offer();
    await clock.advance(1001);
    expect(held.drain().back).toEqual([]);
    held.answerOffer("a.1", false);
    expect(held.drain().back).toEqual([{ token: "a.1", used: true }]);
  });

  it("sends nothing with a token before its time", () => {
    const granted = held.receive("a.1", false, clock.now(), clock.now() + 50);
    expect(granted?.startMs).toBe(50);
    expect(() => granted?.token.send()).toThrow("before it was free");
  });

  it("refuses to settle a token twice", () => {
    const token = held.receive("a.1", false, clock.now())?.token;
    token?.send();
    token?.settle({ kind: "answered" });
    expect(() => token?.settle({ kind: "answered" })).toThrow("settled twice");
  });

  it("gives a start back with a token that was not sent with, and none with one that was", () => {
    const options = { clock, callTimeoutMs: 2000, reserve: 0, shareMs: 0, storeServes: () => true, changed: () => {} };
    held = new Holdings(options);
    const [unsent, unwritten] = ["a.1", "a.2"].map((token) => held.receive(token, false, clock.now())?.token);
    unwritten?.send();
    for (const token of [unsent, unwritten]) token?.settle({ kind: "unwritten" });
    expect(held.drain().back).toEqual([
      { token: "a.1", used: false },
      { token: "a.2", used: true },
    ]);
  });
});
