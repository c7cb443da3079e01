import { expect, it } from "vitest";
import { Gateway } from "../../../src/gateway/gateway.js";
import type { Verifier } from "../../../src/gateway/verifier.js";
import { EQUAL } from "../../support/fake-callers.js";
import { aCommand } from "../../support/fake-command.js";
import { FakeLimiter } from "../../support/fake-limiter.js";
import { FakeLog } from "../../support/fake-log.js";
import { accepted, FakeUpstream, type Reply, THROTTLED, UNAVAILABLE } from "../../support/fake-upstream.js";
import { HandClock } from "../../support/hand-clock.js";

/** A gateway whose first call ends so. */
function start(first: Reply, verifier?: Verifier) {
  const clock = new HandClock();
  const limiter = new FakeLimiter({ clock });
  const upstream = new FakeUpstream({ clock, reply: (_, nth) => (nth === 0 ? first : undefined) });
  const ports = { account: "default", clock, limiter, upstream, log: new FakeLog(), callers: EQUAL };
  const bounds = { queuedDevices: 10, queuedDevicesPerCaller: 10 };
  return {
    clock,
    limiter,
    gateway: new Gateway({ ...ports, bounds, random: () => 0.5, ...(verifier && { verifier }) }),
  };
}

it("Gateway.state tells by the wall clock until when calls are paused, and only while they are", async () => {
  const { clock, limiter, gateway } = start({ end: THROTTLED, delayMs: 20 });
  await clock.advance(10_000);
  gateway.cancel(aCommand({ answerByMs: 60_000 }));
  await clock.advance(20);
  const untilMs = limiter.state().pausedUntilMs;
  expect(untilMs).toBeGreaterThan(clock.now());
  expect(gateway.monitor.state().pausedUntilWallMs).toBe(clock.wallNow() + untilMs - clock.now());
  await clock.advance(untilMs - clock.now());
  expect(gateway.monitor.state()).not.toHaveProperty("pausedUntilWallMs");
});

it("Gateway.condition tells why nothing goes on, and estimates are unknown as long (was: 103 ms)", async () => {
  const { clock, limiter, gateway } = start({ end: UNAVAILABLE, delayMs: 20 });
  await clock.advance(10_000);
  expect(gateway.monitor.condition().kind).toBe("unproven");
  gateway.cancel(aCommand({ answerByMs: 60_000 }));
  expect(gateway.monitor.condition()).toMatchObject({ kind: "canceling", obstacle: "" });
  await clock.advance(20);
  expect(gateway.monitor.condition()).toMatchObject({
    kind: "failing",
    obstacle: expect.stringMatching(/^the upstream fails: \S+$/),
  });
  expect(gateway.monitor.state()).toMatchObject({
    expectedWaitMs: Infinity,
    obstacle: gateway.monitor.condition().obstacle,
  });
  expect(gateway.monitor.reading().expectedWaitMs).toEqual({ urgent: Infinity, normal: Infinity, bulk: Infinity });
  expect(gateway.monitor.remainingMs("a")).toBe(Infinity);
  expect(gateway.validate(aCommand({ answerByMs: 60_000 }))).toMatchObject({ calls: 1, waitMs: Infinity });
  await clock.advance(1000);
  expect(gateway.monitor.condition()).toMatchObject({ kind: "canceling", obstacle: "" });
  expect(gateway.monitor.state().expectedWaitMs).toBeLessThan(1000);
  await clock.advance(5000);
  expect(gateway.monitor.condition().kind).toBe("idle");
  limiter.leave();
  expect(gateway.monitor.condition()).toMatchObject({ kind: "ledger-away", obstacle: "the ledger is away" });
});

it("Gateway.condition takes a request that is read back for no sign of a stalled ledger (was: stalled)", async () => {
  const verifier: Verifier = { verify: () => new Promise(() => {}), leave: () => {}, close: async () => {} };
  const { clock, limiter, gateway } = start({ end: accepted(), delayMs: 20 }, verifier);
  gateway.cancel(aCommand({ answerByMs: 60_000, verify: true }));
  await clock.advance(8000);
  limiter.failures = 1; // the next token comes a second later
  gateway.cancel(aCommand({ answerByMs: 60_000 }));
  await clock.advance(500);
  expect(gateway.monitor.condition()).toMatchObject({ kind: "canceling", obstacle: "" });
});
