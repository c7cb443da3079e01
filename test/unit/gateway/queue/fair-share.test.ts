import { describe, expect, it } from "vitest";
import { Credits } from "../../../../src/gateway/queue/credits.js";
import { type Charge, FairShare, refund } from "../../../../src/gateway/queue/fair-share.js";

const SEATS = 200;
const EVERYBODY = () => true;

function sharing({ weights = {}, proven = false }: { weights?: Record<string, number>; proven?: boolean } = {}) {
  const share = new FairShare({
    seatsPerCall: SEATS,
    weightOf: (caller) => weights[caller] ?? 1,
    credits: new Credits((caller) => (proven ? caller : "everybody")),
  });
  let nowMs = 0;
  let charge: Charge = new Map();
  return {
    share,
    join: (...callers: string[]) => {
      for (const caller of callers) share.join(caller);
    },
    leave: (caller: string) => share.leave(caller),
    rejoin: (caller: string) => share.rejoin(caller),
    /** Whose turn it was, with so many seats for sharers. */
    next: (sharers: Record<string, number> = {}, mayGo: (caller: string) => boolean = EVERYBODY) => {
      const turn = share.turn(nowMs, mayGo);
      if (!turn) throw new Error("nobody may go");
      const taker = turn.caller;
      charge = share.charge(turn, new Map([[taker, 1], ...Object.entries(sharers)]), nowMs);
      nowMs += 100;
      return taker;
    },
    refund: () => refund(charge),
    /** The price of the last call for each caller, in calls. */
    prices: () => {
      const calls = [...charge].flatMap(([{ caller }, price]) =>
        caller === undefined ? [] : [[caller, price * (weights[caller] ?? 1)] as const],
      );
      return Object.fromEntries(calls);
    },
  };
}

describe("FairShare.turn", () => {
  it("uses new weights from the next turn on, for waiting callers and for what is owed", () => {
    const weights: Record<string, number> = { a: 1, b: 1 };
    const { join, next } = sharing({ weights });
    join("a", "b");
    const turns = (n: number) => Array.from({ length: n }, () => next()).join("");
    expect(turns(8)).toBe("abababab");
    weights["a"] = 3;
    turns(4); // what they were ahead and behind by is of the old weights
    expect(turns(40).replaceAll("b", "")).toHaveLength(30);
    weights["a"] = 1;
    turns(4);
    const last = next();
    weights[last] = 100; // and is not kept waiting for fifty calls, though it has just paid for one as a light one
    expect(turns(20).replaceAll(last, "").length).toBeLessThanOrEqual(1);
    weights[last] = 1;
    turns(4);
    expect(turns(40).replaceAll("b", "")).toHaveLength(20);
  });

  it("spreads the turns of a heavy caller (was: one, all the others, four in a row)", () => {
    const { join, next } = sharing({ weights: { heavy: 5 } });
    join("heavy", "a", "b", "c", "d", "e");
    const turns = Array.from({ length: 20 }, () => (next() === "heavy" ? "H" : "-")).join("");
    expect(turns.slice(0, 7)).toBe("H-H-H-H"); // though five tenths are not a half if they are added up
    expect(turns).not.toContain("HHH");
    expect(turns.replaceAll("-", "")).toHaveLength(10);
  });

  it("delays a caller that took what no other could use by at most one call", () => {
    const { join, next } = sharing();
    join("a", "b");
    for (let n = 0; n < 50; n++) next({}, (caller) => caller === "b");
    expect(Array.from({ length: 4 }, () => next())).toContain("b");
  });

  it("delays a caller by at most one call behind one that could not go for a while (was: by all that it had meanwhile)", () => {
    const { join, next } = sharing();
    join("stuck", "a", "b");
    for (let n = 0; n < 40; n++) next({}, (caller) => caller !== "stuck");
    for (let n = 0; n < 60; n++) next({}, (caller) => caller === "b");
    const turns = Array.from({ length: 10 }, () => next({}, (caller) => caller !== "stuck"));
    expect(turns.filter((caller) => caller === "b").length).toBeGreaterThanOrEqual(4);
  });

  it("shares by weight among the others what the callers that are due cannot use", () => {
    const { join, next } = sharing({ weights: { b: 3 } });
    join("a", "b", "c");
    const turns = Array.from({ length: 40 }, () => next({}, (caller) => caller !== "a"));
    expect(Math.abs(turns.filter((caller) => caller === "c").length - 10)).toBeLessThanOrEqual(1);
  });

  it("lets a verified caller that has had nothing lately go first, on at most every other call", () => {
    const { join, next } = sharing({ proven: true });
    join("a", "b", "c", "d");
    for (let n = 0; n < 42; n++) next();
    join("x", "y");
    expect([next(), next(), next()]).toEqual(["x", "c", "y"]); // "c" has had least
  });

  it("delays a caller that went by credit by at most one call", () => {
    const { join, next } = sharing({ proven: true, weights: { light: 0.1 } });
    join("a", "b", "light");
    const turns = Array.from({ length: 60 }, () => next());
    expect(turns.filter((caller) => caller === "light").length).toBeGreaterThan(3); // once a second
    // It has a seat each second, so it has no credit any more. Its part is one call in 21.
    const later = Array.from({ length: 42 }, (_, n) => next(n % 5 === 0 ? { light: 0 } : {}));
    expect(later).toContain("light");
  });
});

describe("FairShare.charge", () => {
  it("charges sharers for the seats they fill, and the caller whose turn it was for the rest", () => {
    const { join, next, prices } = sharing();
    join("a", "b", "c");
    next({ b: 20 });
    expect(prices()).toEqual({ a: 0.9, b: 0.1 });
  });

  it("has sharers pay no more than their part of the call, and nothing once they are ahead", () => {
    const { join, next, prices } = sharing({ weights: { a: 2 } });
    join("a", "b", "c");
    expect(next({ b: 199 })).toBe("a");
    expect(prices()).toEqual({ a: 0.75, b: 0.25 });
    expect(next()).toBe("c");
    expect(next({ c: 199 })).toBe("a");
    expect(prices()).toEqual({ a: 1 });
  });

  it("keeps the part of callers that left while ahead", () => {
    const { join, leave, next, prices } = sharing();
    join("a", "b", "c");
    expect(next()).toBe("a");
    leave("a");
    expect(next({ c: 199 })).toBe("b");
    expect(prices()).toMatchObject({ c: expect.closeTo(1 / 3) });
  });

  it("keeps to the shares when all callers that are owed something join the calls of one caller's turns", () => {
    const light = new Set(Array.from({ length: 50 }, (_, n) => `light-${n}`));
    const { join, next, prices } = sharing({ weights: { heavy: 50 } });
    join("heavy", ...light);
    let paid = 0;
    for (let n = 1; n <= 100; n++) {
      const sharers = n > 50 ? Object.fromEntries([...light].map((caller) => [caller, 7])) : {};
      light.delete(next(sharers)); // 25 of them have had a turn before the others share
      const { heavy = 0 } = prices();
      paid += heavy;
      expect(Math.abs(paid - n / 2)).toBeLessThan(1);
    }
  });

  it("charges no caller that does not wait in this class", () => {
    const { join, next, prices } = sharing();
    join("a", "b");
    next({ guest: 150 });
    expect(prices()).toEqual({ a: 1 });
  });

  it("does not let sharers far ahead of their share keep others from their turn", () => {
    const { join, next } = sharing();
    join("a", "b", "c");
    // Whose turn it is, "a" has one device and "b" fills the call; but "c" waits elsewhere.
    const turns = Array.from({ length: 300 }, () => next({ a: 1, b: 198 }));
    expect(turns.filter((caller) => caller === "c").length).toBeGreaterThan(98);
  });
});

describe("FairShare.join", () => {
  it("puts a later caller behind those that wait, however new its name is", () => {
    const { join, next } = sharing();
    join("patient");
    const turns = Array.from({ length: 20 }, (_, n) => {
      join(`name-${n}`);
      return next();
    });
    expect(turns[0]).toBe("patient");
    expect(turns.filter((caller) => caller === "patient").length).toBeGreaterThanOrEqual(3);
  });

  it("puts a later caller behind those that had what no due caller could use (was: before them, once for each call)", () => {
    const { join, next } = sharing();
    join("stuck", "a", "b");
    const mayGo = (caller: string) => caller !== "stuck";
    for (let n = 0; n < 100; n++) next({}, mayGo);
    join("new");
    const turns = Array.from({ length: 30 }, () => next({}, mayGo));
    expect(turns.filter((caller) => caller === "new")).toHaveLength(10);
    join("later");
    const due = Array.from({ length: 6 }, () => next());
    expect(due).toEqual(expect.arrayContaining(["stuck", "a", "b", "new", "later"]));
  });

  it("puts a caller behind no one if none waits", () => {
    const { join, leave, next } = sharing();
    join("a", "b");
    expect(next()).toBe("a");
    leave("a");
    leave("b");
    join("a", "c");
    expect(next()).toBe("a");
  });

  it("lets all callers that come before the first call start even, each time the queue was empty", () => {
    const { join, leave, next } = sharing({ weights: { light: 0.1 } });
    join("a");
    next();
    leave("a");
    join("a", "light");
    expect([next(), next()]).toContain("light"); // "a" has had its call
  });

  it("recognizes a caller that left while ahead, and does not make it wait longer for that", () => {
    const { join, leave, next } = sharing();
    join("a", "b", "c");
    expect(next()).toBe("a");
    leave("a");
    join("a", "d");
    expect([next(), next(), next()]).toEqual(["b", "c", "d"]);
    expect(next()).toBe("a");
  });
});

describe("FairShare.leave", () => {
  it("remembers callers that left while ahead when it forgets the others", () => {
    const { join, leave, next } = sharing({ weights: { light: 0.1 } });
    join("a", "b", "light");
    expect(Array.from({ length: 255 }, () => next()).at(-1)).toBe("light"); // every 21st, first the third
    leave("light");
    for (let n = 0; n < 13; n++) next(); // the 256th tidies up
    join("light");
    expect(Array.from({ length: 8 }, () => next()).at(-1)).toBe("light");
  });
});

describe("refund", () => {
  it("puts a caller that did not wait meanwhile before all others too, and owes it only the call that it lost", () => {
    const { join, leave, rejoin, next, refund } = sharing({ weights: { b: 3, c: 3 } });
    join("a", "b", "c");
    expect([next(), next(), next()]).toEqual(["b", "c", "a"]);
    refund();
    leave("a");
    for (let n = 0; n < 70; n++) next();
    rejoin("a");
    const turns = Array.from({ length: 14 }, () => next());
    expect(turns[0]).toBe("a");
    expect(turns.filter((caller) => caller === "a").length).toBeLessThanOrEqual(3);
  });
});
