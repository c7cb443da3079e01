import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Deadlines } from "../../../../src/gateway/admission/deadlines.js";
import type { Waiter } from "../../../../src/gateway/waiter.js";
import { aWaiter } from "../../../support/fake-command.js";
import { HandClock } from "../../../support/hand-clock.js";

function setUp() {
  const clock = new HandClock();
  const expired = new Map<Waiter, number>();
  const open = new Deadlines(clock, (waiter) => {
    expect(expired.has(waiter)).toBe(false);
    expired.set(waiter, clock.now());
  });
  const add = (answerByMs: number) => {
    const waiter = aWaiter({ answerByMs });
    open.add(waiter);
    return waiter;
  };
  return { clock, expired, open, add };
}

/** Deadlines come at odd times, answers at even ones. */
const asked = fc.record({
  answerByMs: fc.nat(20).map((n) => 2 * n + 1),
  answeredMs: fc.nat(22).map((n) => 2 * n),
});

describe("Deadlines", () => {
  it("expires each waiter at its deadline, once, unless it was answered before, by one timer", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(asked, { maxLength: 30 }), async (all) => {
        const { clock, expired, open, add } = setUp();
        const waiters = all.map(({ answerByMs }) => add(answerByMs));
        for (; clock.now() <= 44; await clock.advance(2)) {
          for (const [n, { answeredMs }] of all.entries()) {
            if (answeredMs === clock.now()) open.delete(waiters[n] as Waiter);
          }
          expect(clock.armed).toBe(open.waiting.length > 0 ? 1 : 0);
          expect(open.size).toBe(all.filter(({ answeredMs }) => answeredMs > clock.now()).length);
        }
        for (const [n, { answerByMs, answeredMs }] of all.entries()) {
          expect(expired.get(waiters[n] as Waiter)).toBe(answeredMs < answerByMs ? undefined : answerByMs);
        }
      }),
    );
  });

  it("expires a later waiter with an earlier deadline first", async () => {
    const { clock, expired, add } = setUp();
    const [late, soon] = [add(100), add(10)];
    await clock.advance(10);
    expect([...expired]).toEqual([[soon, 10]]);
    await clock.advance(90);
    expect(expired.get(late)).toBe(100);
  });

  it("sets no timer for waiters without a deadline", () => {
    const { clock, open, add } = setUp();
    add(Infinity);
    expect([clock.armed, open.size, open.waiting.length]).toEqual([0, 1, 1]);
  });
});
