// Telling the devices of a refused call apart, through the whole gateway in simulated time.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Command } from "../../../../src/gateway/command.js";
import type { DeviceOutcome } from "../../../../src/gateway/device-outcome.js";
import type { GatewayError } from "../../../../src/gateway/failures.js";
import { Gateway } from "../../../../src/gateway/gateway.js";
import type { CallEnd } from "../../../../src/gateway/upstream.js";
import { EQUAL } from "../../../support/fake-callers.js";
import { aCommand, names } from "../../../support/fake-command.js";
import { FakeLimiter } from "../../../support/fake-limiter.js";
import { FakeLog } from "../../../support/fake-log.js";
import { accepted, DEVICE_FAULT, FakeUpstream, THROTTLED } from "../../../support/fake-upstream.js";
import { HandClock } from "../../../support/hand-clock.js";
import { runs } from "../../../support/property-runs.js";

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
    account: "default",
    clock,
    limiter,
    upstream,
    log: new FakeLog(),
    callers: EQUAL,
    random: () => 0.5,
    bounds,
  });
  const ask = (command: Partial<Command>) => {
    const told: { outcomes?: DeviceOutcome["kind"][]; error?: GatewayError } = {};
    gateway.cancel(aCommand({ answerByMs: Infinity, ...command })).answer.then(
      ({ outcomes }) => {
        told.outcomes = outcomes.map(({ kind }) => kind);
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
    expect(told.outcomes?.filter((kind) => kind === "accepted")).toHaveLength(199);
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

  it("sends the culprit alone in that scope for a minute, and shares calls with it afterwards", async () => {
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
    expect(other.outcomes?.every((kind) => kind === "accepted")).toBe(true);
    const shared = upstream.calls.filter(
      ({ deviceNames }) => new Set(deviceNames.map((name) => name.startsWith("o-"))).size > 1,
    );
    expect(shared.length).toBeLessThanOrEqual(1);
  });

  it("is not started by a code that concerns all devices alike, nor by a throttle", async () => {
    const { clock, upstream, ask } = start([], (nth) => (nth === 0 ? THROTTLED : undefined));
    const told = [ask({ caller: "a", deviceNames: ["one"] }), ask({ caller: "b", deviceNames: ["two"] })];
    await clock.advance(10_000);
    for (const { outcomes } of told) expect(outcomes).toEqual(["accepted"]);
    expect(upstream.calls.length).toBeLessThanOrEqual(3);
  });

  it("claims acceptance, and no more, of devices that the upstream knows nothing of and does not mention", async () => {
    const { clock, upstream, ask } = start([]);
    const told = ask({ deviceNames: ["known", "nobody"] });
    await clock.advance(2000);
    expect(told.outcomes).toEqual(["accepted", "accepted"]); // its word for the call, which is all there is
    expect(upstream.calls).toHaveLength(1);
  });

  it("does not say of a refused call's devices that nothing was done: a part of it may have been", async () => {
    // Refused together, and never heard of again: the upstream throttles until the deadline.
    const { clock, ask } = start(["bad"], (nth) => (nth === 0 ? undefined : THROTTLED));
    const told = ask({ deviceNames: ["bad", "good-1", "good-2"], answerByMs: 5000 });
    await clock.advance(6000);
    expect(told.error?.failure).toMatchObject({ kind: "unknown", reason: "BATCH_REJECTED" });
    expect(told.error?.causes).toMatchObject([{ kind: "unknown", devices: 3 }]);
  });

  it("reports at the deadline what has been isolated by then, and the rest as unknown", async () => {
    const { clock, limiter, upstream, ask } = start(["dev-0", "dev-199"]);
    const told = ask({ deviceNames: names(200), answerByMs: 300 });
    await clock.advance(300);
    const sent = upstream.calls.length;
    expect(sent).toBeGreaterThan(2);
    const accepted = upstream.calls.flatMap(({ end, deviceNames }) => (end?.kind === "accepted" ? deviceNames : []));
    expect(accepted.length).toBeGreaterThan(0);
    const expected = names(200).map((name) => (accepted.includes(name) ? "accepted" : "unknown"));
    expect(told.outcomes).toEqual(expected);
    await clock.advance(5000);
    expect(upstream.calls).toHaveLength(sent);
    expect(limiter.out).toBe(0);
    expect(clock.armed).toBe(0);
  });

  it("goes on for the others when one of the callers leaves in the middle, and sends nothing more of theirs", async () => {
    const { clock, upstream, gateway, ask } = start(["bad-3"]);
    const leaver = gateway.cancel(
      aCommand({ caller: "leaver", deviceNames: names(8, 0, "bad-"), answerByMs: Infinity }),
    );
    const stayer = ask({ caller: "stayer", deviceNames: names(8, 0, "good-") });
    await clock.advance(25); // refused together; the halves are under way
    leaver.abort();
    await expect(leaver.answer).rejects.toMatchObject({ failure: { kind: "unknown" } });
    const before = upstream.calls.length;
    await clock.advance(5000);
    expect(stayer.outcomes).toEqual(Array(8).fill("accepted"));
    const after = upstream.calls.slice(before).flatMap(({ deviceNames }) => deviceNames);
    expect(after.filter((name) => name.startsWith("bad-"))).toEqual([]);
  });

  it("refuses the culprit to both callers who asked for it, and neither loses a good device", async () => {
    const { clock, upstream, ask } = start(["shared-5"]);
    const both = ["a", "b"].map((caller) =>
      ask({ caller, deviceNames: [...names(10, 0, "shared-"), ...names(3, 0, `${caller}-`)] }),
    );
    await clock.advance(10_000);
    const expected = [...names(10).map((_, n) => (n === 5 ? "rejected" : "accepted")), ...Array(3).fill("accepted")];
    for (const { outcomes } of both) expect(outcomes).toEqual(expected);
    const sent = upstream.calls.flatMap(({ end, deviceNames }) => (end?.kind === "accepted" ? deviceNames : []));
    expect(new Set(sent).size).toBe(sent.length);
    expect(upstream.calls.length).toBeLessThanOrEqual(12);
  });

  it("sends a caller alone whose only device was the culprit (was: it spoiled a shared call each time)", async () => {
    const { clock, upstream, ask } = start(names(20, 0, "bad-"));
    for (let n = 0; n < 20; n++) {
      ask({ caller: "careless", deviceNames: [`bad-${n}`] });
      for (let m = 0; m < 10; m++) ask({ caller: `good-${m}`, deviceNames: [`good-${n}-${m}`] });
      await clock.advance(2500);
    }
    const spoilt = upstream.calls.filter(({ end, deviceNames }) => end?.kind === "refused" && deviceNames.length > 1);
    const shared = spoilt.filter(({ deviceNames }) => deviceNames.some((name) => name.startsWith("good-")));
    expect(shared.length).toBeLessThanOrEqual(5); // of the first one
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
            for (const [i, kind] of outcomes.entries()) expect([expected[i], "unknown"]).toContain(kind);
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
      { numRuns: runs(100) },
    );
  });
});
