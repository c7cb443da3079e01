import { describe, expect, it } from "vitest";
import { Gateway } from "../../../src/gateway/gateway.js";
import { EQUAL } from "../../support/fake-callers.js";
import { aCommand, names } from "../../support/fake-command.js";
import { FakeLimiter } from "../../support/fake-limiter.js";
import { FakeLog } from "../../support/fake-log.js";
import { accepted, FakeUpstream, LOST } from "../../support/fake-upstream.js";
import { HandClock } from "../../support/hand-clock.js";

describe("a call that hangs", () => {
  it("leaves the devices of the other calls their outcomes, and the answer comes before the deadline", async () => {
    const clock = new HandClock();
    const limiter = new FakeLimiter({ clock });
    const upstream = new FakeUpstream({
      clock,
      reply: ({ deviceNames }) =>
        deviceNames.includes("dev-450") ? { end: LOST, delayMs: 10_000 } : { end: accepted(), delayMs: 20 },
    });
    const bounds = { queuedDevices: 1e6, queuedDevicesPerCaller: 1e6 };
    const options = {
      account: "default",
      clock,
      limiter,
      upstream,
      log: new FakeLog(),
      callers: EQUAL,
      random: () => 0.5,
      bounds,
    };
    const { answer } = new Gateway(options).cancel(aCommand({ deviceNames: names(600), answerByMs: 2000 }));
    let answeredMs = Infinity;
    void answer.then(() => {
      answeredMs = clock.now();
    });
    await clock.advance(2000);
    expect(answeredMs).toBe(2000);
    const { outcomes, calls } = await answer;
    expect(calls.map(({ success, durationMs }) => [success, durationMs])).toEqual([
      [true, 20],
      [true, 20],
      [false, undefined], // still under way: it is never aborted
    ]);
    expect(outcomes.slice(0, 400).every(({ kind }) => kind === "accepted")).toBe(true);
    expect(outcomes.slice(400).every(({ kind }) => kind === "unknown")).toBe(true);
  });
});
