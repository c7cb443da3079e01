import { describe, expect, it } from "vitest";
import type { Command } from "../../../src/gateway/command.js";
import { Dispatcher } from "../../../src/gateway/dispatcher.js";
import type { Waiter } from "../../../src/gateway/waiter.js";
import { EQUAL } from "../../support/fake-callers.js";
import { aScope, aWaiter, names } from "../../support/fake-command.js";
import { FakeLimiter } from "../../support/fake-limiter.js";
import { FakeLog } from "../../support/fake-log.js";
import {
  accepted,
  DEVICE_FAULT,
  FakeUpstream,
  LOST,
  type Reply,
  refused,
  THROTTLED,
  UNAVAILABLE,
  UNWRITTEN,
} from "../../support/fake-upstream.js";
import { HandClock, settle } from "../../support/hand-clock.js";

/**
 * A started dispatcher with its surroundings. Calls get `replies` in turn, then are accepted after
 * 20 ms.
 */
function start({ replies = [] as Reply[], openingMs = 0, random = 0.5 } = {}) {
  const clock = new HandClock();
  const limiter = new FakeLimiter({ clock, openingMs });
  const upstream = new FakeUpstream({ clock, reply: (_, nth) => replies[nth] });
  const log = new FakeLog();
  const dispatcher = new Dispatcher({
    account: "default",
    clock,
    limiter,
    upstream,
    log,
    callers: EQUAL,
    random: () => random,
  });
  dispatcher.start();
  const ask = (command: Partial<Command> = {}): Waiter => {
    const waiter = aWaiter({ answerByMs: clock.now() + 60_000, ...command }, clock.now());
    dispatcher.add(waiter);
    return waiter;
  };
  /** The devices of each call. */
  const sent = () => upstream.calls.map(({ deviceNames }) => [...deviceNames]);
  const sentMs = () => upstream.calls.map((call) => call.sentMs);
  return { clock, limiter, upstream, log, dispatcher, ask, sent, sentMs };
}

async function outcomes(waiter: Waiter): Promise<string[]> {
  return (await waiter.answer).outcomes.map(({ kind }) => kind);
}

describe("Dispatcher", () => {
  it("sends at once when the gateway is idle", async () => {
    const { clock, ask, sentMs } = start();
    await clock.advance(5000);
    const waiter = ask();
    await settle();
    expect(sentMs()).toEqual([5000]);
    await clock.advance(20);
    expect(await outcomes(waiter)).toEqual(["accepted"]);
  });

  it("lets callers who arrive while a token is awaited share one upstream call", async () => {
    const { clock, ask, sent } = start({ openingMs: 2000 });
    const waiters = [];
    for (let n = 0; n < 10; n++) {
      waiters.push(ask({ caller: `c${n}`, deviceNames: [`dev-${n}`] }));
      await clock.advance(150);
    }
    await clock.advance(1000);
    expect(sent()).toEqual([names(10)]);
    for (const waiter of waiters) expect(await outcomes(waiter)).toEqual(["accepted"]);
  });

  it("answers both callers who ask for a device that is sent once", async () => {
    const { clock, ask, sent } = start({ openingMs: 100 });
    const [big, small] = [ask({ caller: "a", deviceNames: names(200) }), ask({ caller: "b", deviceNames: ["dev-77"] })];
    await clock.advance(200);
    expect(sent().map((call) => call.toSorted())).toEqual([names(200).toSorted()]);
    expect(await outcomes(small)).toEqual(["accepted"]);
    expect(await outcomes(big)).toEqual(Array(200).fill("accepted"));
  });

  it("does not let a request join a call that is already sent", async () => {
    const { clock, ask, sent } = start({ replies: [{ end: accepted(), delayMs: 5000 }] });
    ask();
    await clock.advance(10);
    const later = ask({ caller: "later" });
    await clock.advance(1500);
    expect(sent()).toEqual([["dev-0"], ["dev-0"]]);
    expect(await outcomes(later)).toEqual(["accepted"]);
  });

  it("spaces the calls of a large request, and keeps every token out for a second after its answer", async () => {
    const { clock, ask, sentMs } = start();
    ask({ deviceNames: names(2400) });
    await clock.advance(2000);
    expect(sentMs().map(Math.round)).toEqual([0, 100, 201, 301, 402, 503, 604, 705, 807, 908, 1020, 1120]);
  });

  it("takes no callers that have left into a call, and sends nothing if all have", async () => {
    const { clock, limiter, dispatcher, ask, sent } = start({ openingMs: 1000 });
    const [leaver, stayer] = [
      ask({ caller: "a", deviceNames: ["x", "y"] }),
      ask({ caller: "b", deviceNames: ["y", "z"] }),
    ];
    await clock.advance(10);
    dispatcher.leave(leaver);
    await clock.advance(2000);
    expect(sent()).toEqual([["y", "z"]]);
    expect(await outcomes(stayer)).toEqual(["accepted", "accepted"]);

    const granted = limiter.granted;
    const [one, two] = [ask({ scope: aScope("late") }), ask()];
    dispatcher.leave(one);
    dispatcher.leave(two);
    await clock.advance(5000);
    expect(sent()).toHaveLength(1);
    expect(limiter.granted).toBe(granted);
    expect(clock.armed).toBe(0);
  });

  it("does not abort a sent call when its caller leaves: its token is back only after the answer", async () => {
    const { clock, limiter, dispatcher, upstream, ask } = start({ replies: [{ end: accepted(), delayMs: 3000 }] });
    const waiter = ask();
    await clock.advance(10);
    dispatcher.leave(waiter);
    waiter.conclude({ kind: "aborted", message: "left" });
    expect(await outcomes(waiter)).toEqual(["unknown"]);
    await clock.advance(2000);
    expect(limiter.out).toBe(1);
    await clock.advance(1000);
    expect(upstream.calls[0]?.endedMs).toBe(3000);
    expect(limiter.ends).toEqual([{ kind: "answered" }]);
    expect(limiter.state().free).toBe(9);
  });

  it("sends a throttled call again before all others, once the pause is over, for a new token", async () => {
    const end = refused({ kind: "throttled" }, { retryAfterMs: 700 });
    const { clock, limiter, ask, upstream, sentMs } = start({ replies: [{ end, delayMs: 20 }] });
    const scopes = ["first", "second", "third"].map((productKey) => aScope(productKey));
    const [first] = scopes.map((scope) => ask({ caller: scope.productKey, scope }));
    await clock.advance(5000);
    // The second and third are newcomers, and went before the throttle was known.
    expect(upstream.calls.map(({ scope }) => scope.productKey)).toEqual(["first", "second", "third", "first"]);
    expect(sentMs()).toEqual([0, 0, 0, 720]);
    expect(limiter.ends.map(({ kind }) => kind)).toEqual(["throttled", "answered", "answered", "answered"]);
    expect((await first?.answer)?.calls.map(({ attempts, success }) => [attempts, success])).toEqual([
      [1, false],
      [2, true],
    ]);
  });

  it("gives a throttled call's turn back: it goes before callers who wait (was: to the end of the round)", async () => {
    const replies = [accepted(), accepted(), THROTTLED].map((end) => ({ end, delayMs: 20 }));
    const { clock, ask, upstream } = start({ replies });
    const [a, b, c] = ["a", "b", "c"].map((caller) => ({ caller, scope: aScope(caller) }));
    for (const command of [b, c]) ask(command);
    await clock.advance(50);
    ask(a);
    await clock.advance(5);
    for (const command of [b, c]) ask(command); // no newcomers: they wait for the pacing
    await clock.advance(3000);
    expect(upstream.calls.map(({ scope }) => scope.productKey)).toEqual(["b", "c", "a", "a", "b", "c"]);
  });

  it.each([
    ["lost", LOST],
    ["unavailable", UNAVAILABLE],
    ["unwritten", UNWRITTEN],
  ])("waits longer and longer before it sends a call again that was %s", async (_, end) => {
    const { clock, ask, sentMs } = start({ replies: Array<Reply>(4).fill({ end, delayMs: 0 }), random: 1 });
    const waiter = ask();
    await clock.advance(4000);
    expect(sentMs()).toEqual([0, 100, 300, 700, 1500]);
    expect(await outcomes(waiter)).toEqual(["accepted"]);
  });

  it("never waits longer than five seconds, and not in step with other calls", async () => {
    const replies = Array<Reply>(30).fill({ end: UNWRITTEN, delayMs: 0 });
    const { clock, ask, sentMs } = start({ replies, random: 0 });
    ask({ answerByMs: Infinity });
    await clock.advance(60_000);
    const gaps = sentMs().flatMap((ms, nth, all) => (nth === 0 ? [] : [ms - (all[nth - 1] as number)]));
    expect(gaps.slice(0, 8)).toEqual([100, 100, 200, 400, 800, 1600, 2500, 2500]);
  });

  it("does not hold up others while a call is in its backoff", async () => {
    const { clock, ask, sentMs } = start({ replies: [{ end: LOST, delayMs: 0 }], random: 1 });
    ask();
    await clock.advance(10);
    const other = ask({ scope: aScope("other") });
    await clock.advance(20);
    expect(sentMs()).toEqual([0, 10]);
    expect(await outcomes(other)).toEqual(["accepted"]);
  });

  it("does not warn of a leak when many calls are in their backoff", async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error) => warnings.push(warning);
    process.on("warning", listen);
    const { clock, ask, dispatcher } = start({ replies: Array<Reply>(30).fill({ end: UNWRITTEN, delayMs: 0 }) });
    for (let n = 0; n < 30; n++) ask({ scope: aScope(`p${n}`) });
    await clock.advance(0);
    await dispatcher.close();
    process.off("warning", listen);
    expect(warnings).toEqual([]);
  });

  it("lets a newcomer go at once while most tokens are free, without waiting for pacing", async () => {
    const { clock, ask, upstream } = start();
    ask({ caller: "bulk", scope: aScope("bulk"), deviceNames: names(10_000) });
    await clock.advance(230);
    ask({ caller: "new", scope: aScope("new") });
    await settle();
    expect(upstream.calls.map(({ scope, sentMs }) => [scope.productKey, Math.round(sentMs)])).toEqual([
      ["bulk", 0],
      ["bulk", 100],
      ["bulk", 201],
      ["new", 230],
    ]);
  });

  describe("when a token is granted ahead of pacing, and no newcomer can be taken into a call any more", () => {
    /** Five tokens return at 1020, so most are free again; the next bulk call is due at 1101. */
    async function startBulk() {
      const all = start();
      for (let n = 0; n < 5; n++) all.ask({ scope: aScope(`old-${n}`) });
      await all.clock.advance(1000);
      const bulk = all.ask({ scope: aScope("bulk"), deviceNames: names(400) });
      await all.clock.advance(5);
      expect(all.sentMs()).toEqual([0, 0, 0, 0, 0, 1000]);
      return { ...all, bulk };
    }

    it("goes on for the others if the newcomer has left (was: nothing was sent until somebody came)", async () => {
      const { clock, limiter, dispatcher, ask, bulk, sentMs } = await startBulk();
      const newcomer = ask({ scope: aScope("new") });
      await clock.advance(5);
      expect(limiter.wishes.at(-1)).toMatchObject({ newcomer: true });
      dispatcher.leave(newcomer);
      await clock.advance(1000);
      expect(sentMs().slice(6).map(Math.round)).toEqual([1121]);
      expect(await outcomes(bulk)).toEqual(Array(400).fill("accepted"));
      expect(dispatcher.queue.backlog.devices).toBe(0);
    });

    it("goes on for the others if the newcomer has too little time left (was: the same)", async () => {
      const { clock, limiter, ask, bulk, sentMs } = await startBulk();
      ask({ scope: aScope("new"), answerByMs: clock.now() + 40 });
      await settle();
      expect(limiter.wishes.at(-1)).toMatchObject({ newcomer: true });
      await clock.advance(1000);
      expect(sentMs().slice(6).map(Math.round)).toEqual([1121]);
      expect(await outcomes(bulk)).toEqual(Array(400).fill("accepted"));
    });
  });

  it("does not spin when no waiting device can be sent, and goes on when another request comes", async () => {
    const { clock, limiter, ask, sent } = start();
    await clock.advance(1000);
    ask({ deviceNames: ["late"], answerByMs: clock.now() + 30 });
    await clock.advance(500);
    expect(limiter.wishes.length).toBeLessThanOrEqual(2);
    expect(limiter.out).toBe(0);
    ask({ deviceNames: ["fresh"] });
    await clock.advance(500);
    expect(sent()).toEqual([["fresh"]]);
  });

  it("takes those into a call for whom time is enough again, once answers are quicker", async () => {
    const replies = [8000, 8000, 8000, 8000, 8000, 110].map((delayMs) => ({ end: accepted(), delayMs }));
    const { clock, dispatcher, ask, sentMs } = start({ replies });
    for (let n = 0; n < 5; n++) ask({ scope: aScope(`slow-${n}`) });
    await clock.advance(7990);
    ask({ scope: aScope("quick") });
    await clock.advance(11);
    ask({ answerByMs: clock.now() + 5200 });
    await settle();
    expect(dispatcher.answerMs).toBeGreaterThan(5200);
    await clock.advance(500);
    expect(sentMs()).toEqual([0, 0, 0, 0, 0, 7990, 8110]);
  });

  it("forgets slow answers with time: else no request with a short deadline would be admitted to correct it (was: never)", async () => {
    const { clock, dispatcher, ask } = start({ replies: [{ end: accepted(), delayMs: 9000 }] });
    ask();
    await clock.advance(9000);
    const slowMs = dispatcher.answerMs;
    expect(slowMs).toBeCloseTo(50 + 0.2 * (9000 - 50), 0);
    await clock.advance(10_000);
    expect(dispatcher.answerMs).toBeCloseTo(50 + (slowMs - 50) / 2, 0);
    await clock.advance(600_000);
    expect(dispatcher.answerMs).toBeCloseTo(50, 3);
  });

  it("survives a client that throws: the call counts as lost, and is sent again", async () => {
    const { clock, limiter, upstream, log, ask } = start();
    const cancelTasks = upstream.cancelTasks.bind(upstream);
    let thrown = 0;
    upstream.cancelTasks = (call) => {
      if (thrown++ === 0) throw new Error("a bug in the client");
      return cancelTasks(call);
    };
    const waiter = ask();
    await clock.advance(1000);
    expect(await outcomes(waiter)).toEqual(["accepted"]);
    expect(limiter.ends.map(({ kind }) => kind)).toEqual(["lost", "answered"]);
    expect(log.lines.find(({ level }) => level === "error")?.message).toBe("the upstream client threw an error");
  });

  it("asks a ledger that fails again after a second (was: only when somebody else came)", async () => {
    const { clock, limiter, log, ask, sentMs } = start();
    limiter.broken = new Error("away");
    ask();
    await clock.advance(1500);
    expect(log.lines.map(({ message }) => message)).toEqual(["could not take a token", "could not take a token"]);
    limiter.broken = undefined;
    await clock.advance(500);
    expect(sentMs()).toEqual([2000]);
  });

  it("takes another token if the grant was too old when it came to sending", async () => {
    const { clock, limiter, ask, sent } = start();
    limiter.staleGrants = 1;
    const waiter = ask({ deviceNames: names(3) });
    await clock.advance(500);
    expect(sent()).toEqual([names(3)]);
    expect(limiter.granted).toBe(2);
    expect((await waiter.answer).calls).toHaveLength(1);
  });

  it("logs every call without device names, and the gateway's own faults as errors with their cause", async () => {
    const ends = [accepted("r-1"), DEVICE_FAULT, { kind: "unwritten", message: "no keys", ours: true } as const];
    const { clock, log, ask } = start({ replies: ends.map((end) => ({ end, delayMs: 20 })) });
    for (let n = 0; n < 3; n++) {
      ask({ deviceNames: ["secret-device"] });
      await clock.advance(1100);
    }
    expect(log.lines).toMatchObject([
      {
        level: "info",
        fields: { kind: "accepted", requestId: "r-1", devices: 1, callers: 1, attempt: 1, durationMs: 20 },
      },
      { level: "warn", fields: { kind: "refused", code: "iot.device.NotExistedDevice" } },
      { level: "error", fields: { kind: "unwritten", cause: "no keys" } },
      { level: "info", fields: { attempt: 2 } },
    ]);
    expect(JSON.stringify(log.lines)).not.toContain("secret-device");
  });
});

describe("Dispatcher, when its keys are refused", () => {
  const refusedKey = (recovered: boolean) =>
    refused({ kind: "internal", recovered }, { code: "InvalidAccessKeyId.Inactive" });

  it("sends nothing again if there are no others, and tells the operator", async () => {
    const { clock, log, ask, sent } = start({ replies: [{ end: refusedKey(false), delayMs: 20 }] });
    const waiter = ask({ deviceNames: names(2) });
    await clock.advance(5000);
    expect((await waiter.answer).outcomes).toMatchObject(Array(2).fill({ failure: { kind: "internal" } }));
    expect(sent()).toHaveLength(1);
    expect(log.lines).toMatchObject([{ level: "error", fields: { code: "InvalidAccessKeyId.Inactive" } }]);
  });

  it("sends the devices again if there are others, and tells the operator all the same", async () => {
    const { clock, log, ask, sent } = start({ replies: [{ end: refusedKey(true), delayMs: 20 }] });
    const waiter = ask({ deviceNames: names(2) });
    await clock.advance(5000);
    expect(await outcomes(waiter)).toEqual(["accepted", "accepted"]);
    expect(sent()).toHaveLength(2);
    expect(log.lines.map(({ level }) => level)).toEqual(["error", "info"]);
  });
});

describe("Dispatcher.close", () => {
  it("waits for calls under way", async () => {
    const { clock, dispatcher, ask } = start({ replies: [{ end: accepted(), delayMs: 4000 }] });
    const waiter = ask();
    await clock.advance(10);
    let closed = false;
    const closing = dispatcher.close().then(() => {
      closed = true;
    });
    await clock.advance(3000);
    expect(closed).toBe(false);
    await clock.advance(1000);
    await closing;
    expect(await outcomes(waiter)).toEqual(["accepted"]);
  });

  it("cuts backoffs short, and sends nothing any more", async () => {
    const { clock, dispatcher, ask, sent } = start({ replies: [{ end: LOST, delayMs: 0 }] });
    ask();
    await clock.advance(1);
    await dispatcher.close();
    await clock.advance(10_000);
    expect(sent()).toHaveLength(1);
    expect(clock.armed).toBe(0);
  });

  it("ends a wait for a token", async () => {
    const { clock, dispatcher, ask, limiter } = start({ openingMs: 5000 });
    ask();
    await clock.advance(1);
    await dispatcher.close();
    expect([clock.armed, limiter.granted]).toEqual([0, 0]);
  });
});
