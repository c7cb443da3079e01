import { describe, expect, it } from "vitest";
import type { Command } from "../../../src/gateway/command.js";
import { Dispatcher } from "../../../src/gateway/dispatcher.js";
import type { CallEnd } from "../../../src/gateway/upstream.js";
import { EQUAL } from "../../support/fake-callers.js";
import { aScope, aWaiter, names } from "../../support/fake-command.js";
import { FakeLimiter } from "../../support/fake-limiter.js";
import { FakeLog } from "../../support/fake-log.js";
import { FakeUpstream, refused } from "../../support/fake-upstream.js";
import { HandClock } from "../../support/hand-clock.js";

const NOT_FOUND = refused(
  { kind: "rejected", rejection: "not-found", deviceFault: false },
  { code: "iot.ota.FirmwareNotFound" },
) as Extract<CallEnd, { kind: "refused" }>;
const WIDE: CallEnd = { ...NOT_FOUND, refusal: { ...NOT_FOUND.refusal, requestWide: true } };

function start(end: CallEnd) {
  const clock = new HandClock();
  const limiter = new FakeLimiter({ clock });
  const upstream = new FakeUpstream({
    clock,
    reply: ({ scope }) => (scope.productKey === "wrong" ? { end, delayMs: 40 } : undefined),
  });
  const options = { account: "default", clock, limiter, upstream, log: new FakeLog(), callers: EQUAL };
  const dispatcher = new Dispatcher({ ...options, random: () => 0.5 });
  dispatcher.start();
  const ask = (command: Partial<Command> = {}) => {
    const waiter = aWaiter({ scope: aScope("wrong"), answerByMs: clock.now() + 60_000, ...command }, clock.now());
    dispatcher.add(waiter);
    return waiter;
  };
  return { clock, limiter, upstream, dispatcher, ask };
}

describe("Dispatcher", () => {
  it("answers everything of a scope by a refusal that concerns it, and asks again after two seconds", async () => {
    const { clock, upstream, dispatcher, ask, limiter } = start(WIDE);
    const waiters = Array.from({ length: 150 }, (_, n) =>
      ask({ deviceNames: names(200, n * 200), caller: `c${n % 3}` }),
    );
    await clock.advance(200);
    const calls = upstream.calls.length;
    expect(calls).toBeLessThanOrEqual(2);
    for (const waiter of waiters) {
      const { outcomes } = await waiter.answer;
      expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(["rejected"]));
    }
    const late = ask();
    expect(late.open).toBe(false);
    expect(await late.answer).toMatchObject({
      outcomes: [{ failure: { upstream: { code: "iot.ota.FirmwareNotFound" } } }],
      callIndexes: [-1],
    });
    expect(dispatcher.queue.backlog.devices).toBe(0);
    await clock.advance(2000);
    const again = ask();
    await clock.advance(200);
    expect(again.open).toBe(false);
    expect(upstream.calls).toHaveLength(calls + 1);
    expect(limiter.out).toBe(0);
  });

  it("asks for other scopes all the same", async () => {
    const { clock, ask } = start(WIDE);
    ask();
    const other = ask({ scope: aScope("right") });
    await clock.advance(500);
    expect((await other.answer).outcomes).toEqual([{ kind: "accepted" }]);
  });

  it("answers nothing by a refusal whose reason may be a device", async () => {
    const { clock, upstream, ask } = start(NOT_FOUND);
    for (let n = 0; n < 3; n++) ask({ deviceNames: names(200, n * 200) });
    await clock.advance(1000);
    expect(upstream.calls).toHaveLength(3);
  });
});
