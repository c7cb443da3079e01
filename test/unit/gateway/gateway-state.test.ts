import { expect, it } from "vitest";
import { Gateway } from "../../../src/gateway/gateway.js";
import { EQUAL } from "../../support/fake-callers.js";
import { aCommand } from "../../support/fake-command.js";
import { FakeLimiter } from "../../support/fake-limiter.js";
import { FakeLog } from "../../support/fake-log.js";
import { FakeUpstream, THROTTLED } from "../../support/fake-upstream.js";
import { HandClock } from "../../support/hand-clock.js";

it("Gateway.state tells by the wall clock until when calls are paused, and only while they are", async () => {
  const clock = new HandClock();
  const limiter = new FakeLimiter({ clock });
  const reply = (_: unknown, nth: number) => (nth === 0 ? { end: THROTTLED, delayMs: 20 } : undefined);
  const upstream = new FakeUpstream({ clock, reply });
  const ports = { account: "default", clock, limiter, upstream, log: new FakeLog(), callers: EQUAL };
  const bounds = { queuedDevices: 10, queuedDevicesPerCaller: 10 };
  const gateway = new Gateway({ ...ports, bounds, random: () => 0.5 });
  await clock.advance(10_000);
  gateway.cancel(aCommand({ answerByMs: 60_000 }));
  await clock.advance(20);
  const untilMs = limiter.state().pausedUntilMs;
  expect(untilMs).toBeGreaterThan(clock.now());
  expect(gateway.state().pausedUntilWallMs).toBe(clock.wallNow() + untilMs - clock.now());
  await clock.advance(untilMs - clock.now());
  expect(gateway.state()).not.toHaveProperty("pausedUntilWallMs");
});
