import { describe, expect, it } from "vitest";
import { CallerScheduler } from "../../../../src/grpc/rpc/caller-scheduler.js";

/** A scheduler whose time passes as runs say, and whose turns begin when the test says. */
function setUp() {
  const ran: string[] = [];
  const deferred: (() => void)[] = [];
  let nowMs = 0;
  const callerScheduler = new CallerScheduler({ now: () => nowMs, defer: (run) => void deferred.push(run) });
  const schedule = (caller: string, ms = 0, more = () => {}) =>
    callerScheduler.schedule(caller, () => {
      nowMs += ms;
      ran.push(caller);
      more();
    });
  const turn = () => deferred.shift()?.();
  return { ran, schedule, turn, turnsDue: () => deferred.length };
}

describe("CallerScheduler", () => {
  it("runs at once what comes while there is time", () => {
    const { ran, schedule, turn, turnsDue } = setUp();
    for (let n = 0; n < 4; n++) schedule("a", 1);
    expect(ran).toEqual(["a", "a", "a", "a"]);
    turn();
    expect(turnsDue()).toBe(0);
  });

  it("lets what comes later wait until the network has been looked at", () => {
    const { ran, schedule, turn } = setUp();
    schedule("a", 5);
    schedule("b");
    expect(ran).toEqual(["a"]);
    turn();
    expect(ran).toEqual(["a", "b"]);
  });

  it("lets callers through in turns, however much one of them has brought", () => {
    const { ran, schedule, turn } = setUp();
    schedule("first", 5);
    for (let n = 0; n < 1000; n++) schedule("flood", 1);
    schedule("small", 1);
    schedule("other", 1);
    turn();
    expect(ran).toEqual(["first", "flood", "small", "other", "flood", "flood"]);
  });

  it("ends a turn when its time is up, and goes on in the next where it was", () => {
    const { ran, schedule, turn, turnsDue } = setUp();
    schedule("first", 5);
    for (let n = 0; n < 3; n++) schedule("a", 5);
    schedule("b", 5);
    const turns = [];
    while (turnsDue() > 0) {
      turn();
      turns.push(ran.at(-1));
    }
    expect(turns).toEqual(["a", "b", "a", "a"]);
  });

  it("keeps the order of one caller, also when more is brought meanwhile", () => {
    const ran: number[] = [];
    const deferred: (() => void)[] = [];
    let nowMs = 0;
    const callerScheduler = new CallerScheduler({ now: () => nowMs, defer: (run) => void deferred.push(run) });
    let brought = 0;
    const bring = () => {
      const one = brought++;
      callerScheduler.schedule("a", () => {
        nowMs += 2;
        ran.push(one);
        if (brought < 20) bring();
      });
    };
    bring();
    while (deferred.length > 0) {
      bring();
      deferred.shift()?.();
    }
    expect(ran).toEqual(ran.toSorted((a, b) => a - b));
    expect(ran).toHaveLength(brought);
  });

  it("goes on with the others when one fails", () => {
    const { ran, schedule, turn, turnsDue } = setUp();
    schedule("first", 5);
    schedule("a", 0, () => {
      throw new Error("of its own");
    });
    schedule("b");
    expect(turn).toThrow("of its own");
    expect(turnsDue()).toBe(1);
    turn();
    expect(ran).toEqual(["first", "a", "b"]);
  });
});
