import { describe, expect, it } from "vitest";
import { Dispatcher } from "../../../src/gateway/dispatcher.js";
import { EQUAL } from "../../support/fake-callers.js";
import { aScope, aWaiter } from "../../support/fake-command.js";
import { FakeLimiter } from "../../support/fake-limiter.js";
import { FakeLog } from "../../support/fake-log.js";
import { FakeUpstream, LOST, type Reply, UNWRITTEN } from "../../support/fake-upstream.js";
import { HandClock, settle } from "../../support/hand-clock.js";

function start(reply?: Reply) {
  const clock = new HandClock();
  const limiter = new FakeLimiter({ clock });
  const upstream = new FakeUpstream({ clock, reply: () => reply });
  const about = { account: "default", log: new FakeLog(), callers: EQUAL, random: () => 0.5 };
  const dispatcher = new Dispatcher({ ...about, clock, limiter, upstream });
  dispatcher.start();
  const ask = (caller: string) =>
    dispatcher.add(aWaiter({ caller, scope: aScope(caller), answerByMs: clock.now() + 60_000 }, clock.now()));
  return { clock, limiter, upstream, dispatcher, ask };
}

describe("Dispatcher", () => {
  it.each([
    ["was lost", { end: LOST, delayMs: 9000 }],
    ["could not be written", { end: UNWRITTEN, delayMs: 0 }],
  ])("learns nothing about how long answers take from a call that %s", async (_, reply) => {
    const { clock, dispatcher, upstream, ask } = start(reply);
    const beforeMs = dispatcher.answerMs;
    ask("a");
    await clock.advance(30_000);
    expect(upstream.calls.length).toBeGreaterThan(1);
    expect(dispatcher.answerMs).toBe(beforeMs);
  });

  it("does not abandon the pending take when a waiter comes that may wait as well", async () => {
    const { clock, limiter, ask } = start();
    for (const caller of ["a", "b", "c"]) ask(caller);
    await clock.advance(500);
    for (const caller of ["a", "b"]) ask(caller);
    await settle();
    const takes = limiter.wishes.length;
    expect(limiter.wishes.at(-1)).toMatchObject({ newcomer: false });
    ask("c");
    await settle();
    expect(limiter.wishes).toHaveLength(takes);
  });
});
