import { describe, expect, it } from "vitest";
import type { Clock } from "../../../../src/base/clock.js";
import { HoldUps } from "../../../../src/cli/probe/hold-ups.js";

/** A clock whose timers fire when the process gets round to it. */
function lateClock() {
  let nowMs = 0;
  let timer: { readonly timeMs: number; readonly run: () => void } | undefined;
  const clock: Clock = {
    now: () => nowMs,
    wallNow: () => nowMs,
    at(timeMs, run) {
      timer = { timeMs, run };
      return () => {
        timer = undefined;
      };
    },
  };
  /** Until then nothing happens. */
  const comeBack = (ms: number) => {
    nowMs = ms;
    const due = timer;
    if (!due || due.timeMs > ms) return;
    timer = undefined;
    due.run();
  };
  return { clock, comeBack, isArmed: () => timer !== undefined };
}

const call = (sentMs: number, answeredMs: number) => ({ sentMs, answeredMs });

describe("HoldUps", () => {
  it("says how much of the time of a call the process was held up", () => {
    const { clock, comeBack } = lateClock();
    const holdUps = new HoldUps(clock);
    for (const ms of [10, 21, 31, 95, 105, 130, 140]) comeBack(ms);
    expect(holdUps.within(call(5, 30))).toBe(0);
    expect(holdUps.within(call(25, 97))).toBe(64);
    expect(holdUps.within(call(40, 60))).toBe(20);
    expect(holdUps.within(call(0, 200))).toBe(64 + 25);
  });

  it("takes an answer for late that was read before the timers came to it", () => {
    const { clock, comeBack } = lateClock();
    const holdUps = new HoldUps(clock);
    comeBack(10);
    const answered = call(12, 89);
    comeBack(90);
    expect(holdUps.within(answered)).toBe(77);
  });

  it("measures no longer when it has ended", () => {
    const { clock, isArmed } = lateClock();
    const holdUps = new HoldUps(clock);
    expect(isArmed()).toBe(true);
    holdUps.end();
    expect(isArmed()).toBe(false);
  });
});
