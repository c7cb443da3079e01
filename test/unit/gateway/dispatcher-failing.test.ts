// Calls that fail, beside others that do not.
import { describe, expect, it } from "vitest";
import type { Command } from "../../../src/gateway/command.js";
import { Dispatcher } from "../../../src/gateway/dispatcher.js";
import type { Waiter } from "../../../src/gateway/waiter.js";
import { EQUAL } from "../../support/fake-callers.js";
import { aScope, aWaiter, names } from "../../support/fake-command.js";
import { FakeLimiter } from "../../support/fake-limiter.js";
import { FakeLog } from "../../support/fake-log.js";
import { FakeUpstream, LOST, UNAVAILABLE } from "../../support/fake-upstream.js";
import { HandClock } from "../../support/hand-clock.js";

function start() {
  const clock = new HandClock();
  const upstream = new FakeUpstream({ clock });
  const about = { account: "default", log: new FakeLog(), callers: EQUAL, random: () => 1 };
  const dispatcher = new Dispatcher({ ...about, clock, limiter: new FakeLimiter({ clock }), upstream });
  dispatcher.start();
  const ask = (command: Partial<Command>): Waiter => {
    const waiter = aWaiter({ answerByMs: Infinity, ...command }, clock.now());
    dispatcher.add(waiter);
    return waiter;
  };
  return { clock, upstream, ask };
}

describe("Dispatcher, while calls fail,", () => {
  it.each([
    ["hang", LOST, 10_000],
    ["are refused for the time being", UNAVAILABLE, 20],
  ] as const)(
    "sends what a caller asks in another scope than one whose calls %s (was: never)",
    async (_, end, delayMs) => {
      const { clock, upstream, ask } = start();
      upstream.reply = ({ scope }) => (scope.productKey === "bad" ? { end, delayMs } : undefined);
      ask({ scope: aScope("bad"), deviceNames: names(10_000) });
      await clock.advance(20_000);
      const [one, many] = [ask({ scope: aScope("one") }), ask({ scope: aScope("many"), deviceNames: names(4000) })];
      await clock.advance(60_000);
      expect([one.open, many.open]).toEqual([false, false]);
      // The bad one is tried as well, as often as the others.
      const triedMs = upstream.calls.flatMap(({ scope, sentMs }) => (scope.productKey === "bad" ? sentMs : []));
      expect(triedMs.filter((ms) => ms > 20_000).length).toBeGreaterThan(20);
    },
  );

  it("lets each device wait for as long as it has been tried (was: as long as the one of its call that failed most)", async () => {
    const { clock, upstream, ask } = start();
    upstream.reply = () => (clock.now() < 11_395 ? { end: UNAVAILABLE, delayMs: 0 } : undefined);
    const old = ask({ caller: "old", deviceNames: ["old"] }); // sent at 0, 100, 300, … 6300 and 11,300 ms
    await clock.advance(11_290);
    const fresh = ask({ caller: "fresh", deviceNames: names(250) }); // the rest of it shares the next call
    await clock.advance(110);
    expect(upstream.calls.at(-1)?.deviceNames).toEqual(expect.arrayContaining(["old", "dev-249"]));
    await clock.advance(1000);
    expect([fresh.open, old.open]).toEqual([false, true]);
    await clock.advance(4100);
    expect(old.open).toBe(false);
  });
});
