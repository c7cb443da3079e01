// Telling the devices of a refused call apart, through the whole gateway in simulated time.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Command } from "../../../src/gateway/command.js";
import type { GatewayError } from "../../../src/gateway/errors.js";
import { Gateway } from "../../../src/gateway/gateway.js";
import type { CallEnd } from "../../../src/gateway/upstream.js";
import type { Fate } from "../../../src/gateway/waiter.js";
import { EQUAL } from "../../support/fake-callers.js";
import { aCommand, names } from "../../support/fake-command.js";
import { FakeLimiter } from "../../support/fake-limiter.js";
import { FakeLog } from "../../support/fake-log.js";
import { accepted, DEVICE_FAULT, FakeUpstream, THROTTLED } from "../../support/fake-upstream.js";
import { HandClock } from "../../support/hand-clock.js";

/** A gateway whose upstream refuses every call that names a device of `bad`. */
function start(bad: readonly string[], endOf: (nth: number) => CallEnd | undefined = () => undefined) {
  const clock = new HandClock();
  const limiter = new FakeLimiter({ clock });
  const upstream = new FakeUpstream({
    clock,
    reply: ({ deviceNames }, nth) => {
      const poisoned = deviceNames.some((name) => bad.includes(name));
      return { end: endOf(nth) ?? (poisoned ? DEVICE_FAULT : accepted()), delayMs: 20 };
    },
  });
  const bounds = { queuedDevices: 1e6, queuedDevicesPerCaller: 1e6 };
  const gateway = new Gateway({
    clock,
    limiter,
    upstream,
    log: new FakeLog(),
    callers: EQUAL,
    random: () => 0.5,
    bounds,
  });
  const ask = (command: Partial<Command>) => {
    const told: { outcomes?: Fate["outcome"][]; error?: GatewayError } = {};
    gateway.cancel(aCommand({ answerByMs: Infinity, ...command })).answer.then(
      ({ fates }) => {
        told.outcomes = fates.map(({ outcome }) => outcome);
      },
      (error: GatewayError) => {
        told.error = error;
      },
    );
    return told;
  };
  return { clock, upstream, limiter, gateway, ask };
}

describe("isolation", () => {
  it("tells three unknown devices apart among 66 of seven callers in at most 24 calls", async () => {
    const bad = ["mixed-1", "mixed-3", "mixed-4"];
    const { clock, upstream, ask } = start(bad);
    const good = Array.from({ length: 60 }, (_, n) => ask({ caller: `caller-${n % 6}`, deviceNames: [`good-${n}`] }));
    const mixed = ask({ caller: "seventh", deviceNames: names(6, 0, "mixed-") });
    await clock.advance(30_000);
    for (const { outcomes } of good) expect(outcomes).toEqual(["accepted"]);
    expect(mixed.outcomes).toEqual(["accepted", "rejected", "accepted", "rejected", "rejected", "accepted"]);
    expect(upstream.calls.length).toBeLessThanOrEqual(24);
  });

  it("does the same when the unknown ones are of a caller who has good requests too", async () => {
    const { clock, upstream, ask } = start(["mixed-0", "mixed-2", "mixed-5"]);
    const good = Array.from({ length: 60 }, (_, n) => ask({ caller: `caller-${n % 6}`, deviceNames: [`good-${n}`] }));
    const mixed = ask({ caller: "caller-3", deviceNames: names(6, 0, "mixed-") });
    await clock.advance(30_000);
    for (const { outcomes } of good) expect(outcomes).toEqual(["accepted"]);
    expect(mixed.outcomes).toEqual(["rejected", "accepted", "rejected", "accepted", "accepted", "rejected"]);
    expect(upstream.calls.length).toBeLessThanOrEqual(24);
  });

  it("finds one unknown device among 200 in about 16 calls", async () => {
    const { clock, upstream, ask } = start(["dev-77"]);
    const told = ask({ deviceNames: names(200) });
    await clock.advance(30_000);
    expect(told.outcomes?.filter((outcome) => outcome === "accepted")).toHaveLength(199);
    expect(told.outcomes?.[77]).toBe("rejected");
    expect(upstream.calls.length).toBeLessThanOrEqual(17);
  });

  it("stops at its budget, and claims to know nothing of what is left", async () => {
    const all = names(200);
    const { clock, upstream, ask } = start(all);
    const told = ask({ deviceNames: all });
    await clock.advance(60_000);
    expect(upstream.calls.length).toBeLessThanOrEqual(33);
    expect(told.error?.failure).toMatchObject({ kind: "unknown", reason: "BATCH_REJECTED" });
  });

  it("lets nobody else ride with the culprit in that scope for a minute, and everybody afterwards", async () => {
    const { clock, upstream, ask } = start(["bad-1"]);
    ask({ caller: "careless", deviceNames: ["bad-1", "fine-1"] });
    await clock.advance(2000);
    const before = upstream.calls.length;
    for (const caller of ["careless", "other"]) ask({ caller, deviceNames: [`${caller}-2`] });
    await clock.advance(2000);
    expect(upstream.calls.slice(before).map(({ deviceNames }) => deviceNames)).toEqual(
      expect.arrayContaining([["careless-2"], ["other-2"]]),
    );
    await clock.advance(60_000);
    for (const caller of ["careless", "other"]) ask({ caller, deviceNames: [`${caller}-3`] });
    await clock.advance(2000);
    expect(upstream.calls.at(-1)?.deviceNames).toEqual(expect.arrayContaining(["careless-3", "other-3"]));
  });

  it("takes the culprit's devices that wait already out of the calls of others", async () => {
    const { clock, upstream, ask } = start(["bad-1", "bad-2"]);
    ask({ caller: "careless", deviceNames: ["bad-1", ...names(205, 0, "c-"), "bad-2"] });
    const other = ask({ caller: "other", deviceNames: names(300, 0, "o-") });
    await clock.advance(30_000);
    expect(other.outcomes?.every((outcome) => outcome === "accepted")).toBe(true);
    const shared = upstream.calls.filter(
      ({ deviceNames }) => new Set(deviceNames.map((name) => name.startsWith("o-"))).size > 1,
    );
    expect(shared.length).toBeLessThanOrEqual(1);
  });

  it("is not set off by a code that is the same for everybody, nor by a throttle", async () => {
    const { clock, upstream, ask } = start([], (nth) => (nth === 0 ? THROTTLED : undefined));
    const told = [ask({ caller: "a", deviceNames: ["one"] }), ask({ caller: "b", deviceNames: ["two"] })];
    await clock.advance(10_000);
    for (const { outcomes } of told) expect(outcomes).toEqual(["accepted"]);
    expect(upstream.calls.length).toBeLessThanOrEqual(3);
  });

  it("loses and doubles no device, however throttles come between", async () => {
    const bad = fc.uniqueArray(fc.integer({ min: 0, max: 59 }), { maxLength: 5 });
    const throttled = fc.uniqueArray(fc.integer({ min: 0, max: 20 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(bad, throttled, async (badOnes, throttledOnes) => {
        const isBad = new Set(badOnes.map((n) => `dev-${n}`));
        const { clock, upstream, limiter, ask } = start([...isBad], (nth) =>
          throttledOnes.includes(nth) ? THROTTLED : undefined,
        );
        const told = ["a", "b", "c"].map((caller, n) => ask({ caller, deviceNames: names(30, n * 15) }));
        await clock.advance(59_000);
        for (const [n, { outcomes, error }] of told.entries()) {
          const expected = names(30, n * 15).map((name) => (isBad.has(name) ? "rejected" : "accepted"));
          if (outcomes) {
            // Within the budget everything is told apart; beyond it nothing is claimed.
            for (const [i, outcome] of outcomes.entries()) expect([expected[i], "unknown"]).toContain(outcome);
          } else expect(error).toBeDefined();
        }
        if (badOnes.length <= 1)
          expect(told.every(({ outcomes }) => outcomes && !outcomes.includes("unknown"))).toBe(true);
        const sent = upstream.calls
          .filter(({ end }) => end?.kind === "accepted")
          .flatMap(({ deviceNames }) => deviceNames);
        expect(new Set(sent).size).toBe(sent.length);
        expect(limiter.out).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});
