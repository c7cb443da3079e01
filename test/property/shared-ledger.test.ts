// The shared ledger in random histories: whatever happens to replicas, to the store, to its clock
// and to the network between them, no second contains more than N arrivals at the upstream. The
// only exception is one case of `share`, which is recognized (`isExcused`). Afterwards, work goes
// on.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mostAtOnce, mostInAnySecond } from "../support/arrivals.js";
import { HandClock } from "../support/hand-clock.js";
import { LedgerWorld, type WorldOptions } from "../support/ledger-world.js";
import { runs } from "../support/property-runs.js";
import { seededRandom } from "../support/seeded-random.js";

type Blow = (world: LedgerWorld, which: number, ms: number, nowMs: number) => void;

/** The kinds of failure. `which` picks a replica, `ms` says for how long or by how much. */
const BLOWS: Record<string, Blow> = {
  "a replica is cut off": ({ replicas }, which, ms, nowMs) => {
    const replica = replicas[which % replicas.length];
    if (replica) replica.cutUntilMs = nowMs + ms;
  },
  "a replica is stopped": ({ replicas }, which, ms, nowMs) => {
    const replica = replicas[which % replicas.length];
    if (replica) replica.stoppedUntilMs = nowMs + ms;
  },
  "a replica dies, and another starts": (world, which) => {
    const replica = world.replicas[which % world.replicas.length];
    if (replica) replica.isDead = true;
    world.start();
  },
  "the store is away": (world, _, ms, nowMs) => {
    world.downUntilMs = nowMs + ms;
  },
  "the store stands still": (world, _, ms, nowMs) => {
    world.stalledUntilMs = nowMs + ms;
  },
  "the store comes back empty": (world, _, ms, nowMs) => {
    world.downUntilMs = nowMs + ms;
    world.store.restart();
    world.store.empty();
  },
  "the store is emptied": ({ store }) => store.empty(),
  "the store comes back empty, and only a new replica reaches it": (world, _, ms, nowMs) => {
    for (const replica of world.replicas) replica.cutUntilMs = nowMs + ms;
    world.store.restart();
    world.store.empty();
    world.start();
  },
  "the store writes its file": ({ store }) => store.save(),
  "the store comes back with what its file holds": ({ store }) => store.restart(),
  "the standby copies the store": ({ store, standby }) => standby.replicate(store),
  "the standby takes the place of the store": (world) => {
    [world.store, world.standby] = [world.standby, world.store];
  },
  "the clock of the store goes ahead": ({ store }, _, ms) => {
    store.skewMs += ms;
  },
  "the clock of the store goes back": ({ store }, _, ms) => {
    store.skewMs -= ms;
  },
};

interface Event {
  readonly afterMs: number;
  readonly blow: string;
  readonly which: number;
  readonly ms: number;
}

function event(blows: readonly string[]): fc.Arbitrary<Event> {
  return fc.record({
    afterMs: fc.integer({ min: 0, max: 6000 }),
    blow: fc.constantFrom(...blows),
    which: fc.nat(9),
    ms: fc.oneof(fc.integer({ min: 1, max: 900 }), fc.integer({ min: 900, max: 20_000 })),
  });
}

/**
 * The settings that decide whether replicas continue without the store, and what others may be
 * granted meanwhile.
 */
const LOSSES = [
  "a replica is cut off",
  "a replica dies, and another starts",
  "the store is away",
  "the store is emptied",
  "the store comes back empty",
  "the store comes back empty, and only a new replica reaches it",
];

/** Few kinds of failure at a time, each repeated: it takes several of a kind to do harm. */
const history = fc
  .oneof(fc.subarray(Object.keys(BLOWS), { minLength: 1, maxLength: 3 }), fc.subarray(LOSSES, { minLength: 1 }))
  .chain((blows) => fc.array(event(blows), { maxLength: 12 }));

const anyWorld = fc.record({
  seed: fc.nat(),
  replicas: fc.integer({ min: 1, max: 4 }),
  delayMs: fc.constantFrom(20, 120),
  callsPerSecond: fc.constantFrom(2, 10),
  rests: fc.boolean(),
  delayed: fc.constantFrom(0.1, 0.6),
});

interface World extends Pick<WorldOptions, "delayMs" | "callsPerSecond" | "rests" | "delayed"> {
  readonly seed: number;
  readonly replicas: number;
}

function worldOf({ seed, replicas, ...rest }: World, onStoreLoss: WorldOptions["onStoreLoss"], onArrival = false) {
  const clock = new HandClock();
  const world = new LedgerWorld({
    clock,
    random: seededRandom(seed),
    callTimeoutMs: 1500,
    ...{ onStoreLoss, onArrival },
    ...rest,
  });
  for (let n = 0; n < replicas; n++) world.start();
  return { clock, world };
}

describe.each(["closed", "share"] as const)("a shared ledger that is `%s` without its store", (onStoreLoss) => {
  it("lets no second hold more than N arrivals, whatever happens, and goes on afterwards", async () => {
    await fc.assert(
      fc.asyncProperty(anyWorld, history, async (any, events) => {
        const { clock, world } = worldOf(any, onStoreLoss);
        await clock.advance(5000);
        for (const { afterMs, blow, which, ms } of events) {
          await clock.advance(afterMs);
          BLOWS[blow]?.(world, which, ms, clock.now());
        }
        await clock.advance(10_000);
        // Afterwards, when all promises to dead replicas have expired, work goes on as this network
        // allows.
        world.mend();
        await clock.advance(50_000);
        const before = world.arrivalsMs.length;
        await clock.advance(50_000 / any.callsPerSecond);
        expect(world.arrivalsMs.length - before).toBeGreaterThan(any.callsPerSecond === 2 ? 5 : 10);
        if (world.isExcused) return;
        // This is seen more often than its consequence, one arrival too many.
        expect(mostAtOnce(world.outMs)).toBeLessThanOrEqual(any.callsPerSecond);
        expect(mostInAnySecond(world.arrivalsMs.toSorted((a, b) => a - b))).toBeLessThanOrEqual(any.callsPerSecond);
      }),
      { numRuns: runs(40) },
    );
  });

  it("lets no second hold more than N arrivals if tokens return early, since calls count on arrival", async () => {
    let early = 0;
    await fc.assert(
      fc.asyncProperty(anyWorld, history, async (any, events) => {
        const busy = { ...any, callsPerSecond: 10 };
        const { clock, world } = worldOf(busy, onStoreLoss, true);
        await clock.advance(20_000);
        for (const { afterMs, blow, which, ms } of events) {
          await clock.advance(afterMs);
          BLOWS[blow]?.(world, which, ms, clock.now());
        }
        await clock.advance(10_000);
        early += world.replicas.reduce((sum, replica) => sum + replica.early, 0);
        if (world.isExcused) return;
        expect(mostAtOnce(world.outMs)).toBeLessThanOrEqual(busy.callsPerSecond);
        expect(mostInAnySecond(world.arrivalsMs)).toBeLessThanOrEqual(busy.callsPerSecond);
      }),
      { numRuns: runs(40) },
    );
    expect(early).toBeGreaterThan(100);
  });
});
