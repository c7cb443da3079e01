// Histories of turns among callers who always want more than they get.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairShare } from "../../src/gateway/fair-share.js";
import { maxMin } from "../../src/gateway/max-min.js";

const SEATS = 200;
const TURNS = 400;

interface Caller {
  readonly name: string;
  readonly weight: number;
  /** The scopes in which it always has devices waiting. */
  readonly scopes: readonly number[];
  /** How many in each. */
  readonly devices: number;
}

/** Call by call, whose turn it was and who had a seat. */
function play(callers: readonly Caller[]) {
  const byName = new Map(callers.map((caller) => [caller.name, caller]));
  const weightOf = (name: string) => byName.get(name)?.weight ?? 1;
  const share = new FairShare({ seatsPerCall: SEATS, weightOf, creditNameOf: () => "everybody" });
  for (const { name } of callers) share.join(name);
  const calls: { readonly taker: string; readonly aboard: ReadonlySet<string> }[] = [];
  for (let n = 0; n < TURNS; n++) {
    const taker = share.turn(byName.keys(), n * 100, () => true) as string;
    const { scopes } = byName.get(taker) as Caller;
    const scope = scopes[n % scopes.length] as number;
    const aboard = callers.filter((caller) => caller.name === taker || caller.scopes.includes(scope));
    const seats = maxMin(
      aboard.map(({ devices, weight }) => ({ seats: devices, weight })),
      SEATS,
    );
    const filled = new Map(aboard.map(({ name }, i) => [name, seats[i]?.seats as number]));
    share.charge(taker, filled, n * 100);
    const seated = aboard.filter(({ name }) => (filled.get(name) ?? 0) > 0);
    calls.push({ taker, aboard: new Set(seated.map(({ name }) => name)) });
  }
  return calls;
}

function callersWith(scopes: fc.Arbitrary<number[]>) {
  const caller = fc.record({
    weight: fc.integer({ min: 1, max: 5 }),
    scopes,
    devices: fc.integer({ min: 1, max: 300 }),
  });
  return fc
    .array(caller, { minLength: 2, maxLength: 12 })
    .map((all) => all.map((each, index) => ({ ...each, name: `caller-${index}` })));
}

describe("FairShare", () => {
  it("gives turns by weight to within one for each caller, whoever has however few devices in each of however many scopes", () => {
    // Nobody shares a scope: every call has one caller on board, who pays for all of it.
    const apart = callersWith(fc.constant([])).map((all) =>
      all.map((each, index) => ({ ...each, scopes: Array.from({ length: 1000 }, (_, n) => index * 1000 + n) })),
    );
    fc.assert(
      fc.property(apart, (callers) => {
        const turns = play(callers).map(({ taker }) => taker);
        const weight = callers.reduce((sum, each) => sum + each.weight, 0);
        for (const { name, weight: own } of callers) {
          const had = turns.filter((taker) => taker === name).length;
          expect(Math.abs(had - (TURNS * own) / weight)).toBeLessThanOrEqual(callers.length);
          expect(had / own).toBeGreaterThan(TURNS / weight - 2);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("passes nobody over for more calls than twice the others' weights, relative to theirs, and two for each", () => {
    const mixed = callersWith(fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 4 }));
    fc.assert(
      fc.property(mixed, (callers) => {
        const calls = play(callers);
        for (const { name, weight } of callers) {
          const others = callers.filter((other) => other.name !== name);
          const bound = others.reduce((sum, other) => sum + (2 * other.weight) / weight + 2, 0);
          let passed = 0;
          let longest = 0;
          for (const { aboard } of calls) {
            passed = aboard.has(name) ? 0 : passed + 1;
            longest = Math.max(longest, passed);
          }
          expect(longest).toBeLessThanOrEqual(bound);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("does not let riders far ahead of their share keep others from their turn", () => {
    // A has one device in each of many scopes, B fills all of those, C waits elsewhere.
    const scopes = Array.from({ length: 50 }, (_, n) => n);
    const calls = play([
      { name: "A", weight: 1, scopes, devices: 1 },
      { name: "B", weight: 1, scopes, devices: 300 },
      { name: "C", weight: 1, scopes: [99], devices: 300 },
    ]);
    expect(calls.filter(({ taker }) => taker === "C").length).toBeGreaterThan(TURNS / 3 - 5);
  });

  it("puts a caller who comes later behind those who wait, however new its name is", () => {
    const share = new FairShare({ seatsPerCall: SEATS, weightOf: () => 1, creditNameOf: () => "everybody" });
    share.join("patient");
    const waiting = ["patient"];
    const turns: string[] = [];
    for (let n = 0; n < 20; n++) {
      share.join(`name-${n}`);
      waiting.push(`name-${n}`);
      const taker = share.turn(waiting, n * 100, () => true) as string;
      share.charge(taker, new Map([[taker, 1]]), n * 100);
      turns.push(taker);
    }
    expect(turns[0]).toBe("patient");
    expect(turns.filter((taker) => taker === "patient").length).toBeGreaterThanOrEqual(3);
  });

  it("lets a proven caller that has had nothing lately go first, on every other call at the most", () => {
    const share = new FairShare({ seatsPerCall: SEATS, weightOf: () => 1, creditNameOf: (caller) => caller });
    const waiting = ["a", "b", "c", "d"];
    for (const name of waiting) share.join(name);
    const turn = (nowMs: number) => {
      const taker = share.turn(waiting, nowMs, () => true) as string;
      share.charge(taker, new Map([[taker, 1]]), nowMs);
      return taker;
    };
    for (let n = 0; n < 42; n++) turn(n * 100);
    for (const name of ["x", "y"]) {
      share.join(name);
      waiting.push(name);
    }
    const turns = [turn(4200), turn(4300), turn(4400)];
    expect(turns[0]).toBe("x");
    expect(turns[1]).toBe("c"); // who has paid least
    expect(turns[2]).toBe("y");
  });
});
