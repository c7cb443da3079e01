// Starts are granted ahead, so that replicas need not wait for a store that is far away: how far
// that carries, and what stays as it was. No call starts before its place in the spacing, turns go
// by class, and no second holds more than N.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Wish } from "../../src/gateway/limiter.js";
import { MADE_UP, spaceMs } from "../../src/limiter/token-rule.js";
import { mostInAnySecond } from "../support/arrivals.js";
import { type Distance, FarStore, type Grant, OPENED_MS, type Start } from "../support/far-store.js";
import { HandClock } from "../support/hand-clock.js";
import { runs } from "../support/property-runs.js";
import { seededRandom } from "../support/seeded-random.js";

const QUOTA = 10;
const NORMAL: Wish = { priority: "normal", newcomer: false };
const URGENT: Wish = { priority: "urgent", newcomer: true };
/** Of an in-process ledger with answers of 30 ms. */
const ONE_PROCESS = QUOTA / 1.03;

/** Two busy replicas and a third, all as far from the store. */
async function start(tripMs: number, jitterMs = 0, seed = 1) {
  const clock = new HandClock();
  const random = seededRandom(seed);
  const far = new FarStore({ clock, random, callsPerSecond: QUOTA, answerMs: [20, 20] });
  const distance = { leastMs: tripMs / 2, moreMs: jitterMs };
  const [a, b, idle] = ["a", "b", "idle"].map((name) => far.join(name, distance));
  if (!a || !b || !idle) throw new Error("no ledger");
  await clock.advance(OPENED_MS);
  void far.busy(a, "a", NORMAL);
  void far.busy(b, "b", NORMAL);
  await clock.advance(5000);
  far.starts.length = 0;
  return { clock, random, far, idle };
}

describe("two busy replicas and an idle third", () => {
  it.each([
    [1, 0, 0.98],
    [10, 2, 0.98],
    [50, 5, 0.95],
    [100, 5, 0.95],
  ])(
    "with the store %d ms away there and back, and %d ms more at times: of the rate of one process",
    async (tripMs, jitterMs, least) => {
      const { clock, far } = await start(tripMs, jitterMs);
      await clock.advance(30_000);
      const startsMs = far.starts.map(({ atMs }) => atMs);
      expect(startsMs.length / 30 / ONE_PROCESS).toBeGreaterThanOrEqual(least);
      expect(mostInAnySecond(startsMs)).toBeLessThanOrEqual(QUOTA);
      const ofA = far.starts.filter(({ replica }) => replica === "a").length;
      expect(Math.abs(2 * ofA - far.starts.length)).toBeLessThanOrEqual(far.starts.length / 20);
    },
  );

  it.each([
    [50, 0.95, 400],
    [100, 0.9, 500],
  ])("let an urgent device of the third go first, with the store %d ms away", async (tripMs, least, mostMs) => {
    const { clock, random, far, idle } = await start(tripMs);
    for (let n = 0; n < 60; n++) {
      await clock.advance(1500 + random() * 1000);
      void far.send(idle, "idle", URGENT);
    }
    await clock.advance(2000);
    const waitsMs = far.starts.flatMap(({ replica, waitedMs }) => (replica === "idle" ? waitedMs : []));
    expect(waitsMs).toHaveLength(60);
    // An answer of 30 ms comes on top.
    expect(waitsMs.toSorted((x, y) => x - y)[57]).toBeLessThan(mostMs - 30);
    const [first, last] = [far.starts[0], far.starts.at(-1)];
    const spanMs = (last?.atMs ?? 0) - (first?.atMs ?? 0);
    expect((far.starts.length - 1) / (spanMs / 1000) / ONE_PROCESS).toBeGreaterThanOrEqual(least);
    expect(mostInAnySecond(far.starts.map(({ atMs }) => atMs))).toBeLessThanOrEqual(QUOTA);
  });
});

const distance: fc.Arbitrary<Distance> = fc.record({
  leastMs: fc.constantFrom(0, 1, 5, 25, 50, 90),
  moreMs: fc.constantFrom(0, 1, 10, 60),
});

const world = fc.record({
  seed: fc.nat(),
  callsPerSecond: fc.constantFrom(2, 10),
  answers: fc.constantFrom([5, 0], [20, 20], [10, 400]) as fc.Arbitrary<[number, number]>,
  busy: fc.array(fc.record({ distance, priority: fc.constantFrom("urgent", "normal", "bulk") }), {
    minLength: 1,
    maxLength: 5,
  }) as fc.Arbitrary<{ distance: Distance; priority: Wish["priority"] }[]>,
  rare: distance,
});

describe("starts that are granted ahead", () => {
  it("keep their places, their order by class, and the quota, at any distances", async () => {
    await fc.assert(
      fc.asyncProperty(world, async ({ seed, callsPerSecond, answers, busy, rare }) => {
        const clock = new HandClock();
        const random = seededRandom(seed);
        const far = new FarStore({ clock, random, callsPerSecond, answerMs: answers });
        const ledgers = busy.map((each, n) => far.join(`b${n}`, each.distance));
        const other = far.join("rare", rare);
        await clock.advance(OPENED_MS);
        for (const [n, ledger] of ledgers.entries()) {
          void far.busy(ledger, `b${n}`, { priority: busy[n]?.priority ?? "bulk", newcomer: false });
        }
        for (let n = 0; n < 10; n++) {
          await clock.advance(random() * 2000);
          void far.send(other, "rare", { priority: "urgent", newcomer: random() < 0.5 });
        }
        await clock.advance(3000);
        expect(far.starts.length).toBeGreaterThan(callsPerSecond);
        for (const { atMs, placeMs } of far.starts) expect(atMs).toBeGreaterThanOrEqual(placeMs - 0.01);
        expect(mostInAnySecond(far.starts.map(({ atMs }) => atMs))).toBeLessThanOrEqual(callsPerSecond);
        expectSpacing(far.starts, callsPerSecond, answers[0] + answers[1]);
        expectClasses(far.grants);
      }),
      { numRuns: runs(60) },
    );
  });
});

/**
 * In the order of the grants, places are a space apart, except that a late start is made up for, by
 * less than half a space.
 */
function expectSpacing(starts: readonly Start[], callsPerSecond: number, answerMs: number): void {
  const lateMs = spaceMs(answerMs, callsPerSecond) / 2;
  const apartMs = spaceMs(0, callsPerSecond) - lateMs * MADE_UP;
  let lastMs = -Infinity;
  for (const { placeMs, wish } of starts.toSorted((a, b) => a.nth - b.nth)) {
    if (!wish.newcomer) expect(placeMs - lastMs).toBeGreaterThanOrEqual(apartMs - 0.1);
    lastMs = Math.max(lastMs, placeMs);
  }
}

/** While a higher class waits, a lower one has every tenth turn at most. */
function expectClasses(grants: readonly Grant[]): void {
  let sinceLower = Infinity;
  for (const { rank, newcomer, waitingRanks } of grants) {
    if (!newcomer && waitingRanks.some((each) => each < rank)) {
      expect(sinceLower).toBeGreaterThanOrEqual(9);
      sinceLower = 0;
    } else sinceLower++;
  }
}
