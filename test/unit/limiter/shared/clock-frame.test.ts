import { describe, expect, it } from "vitest";
import { ClockFrame } from "../../../../src/limiter/shared/clock-frame.js";

describe("ClockFrame", () => {
  it.each([
    ["forwards", 6041, false],
    ["forwards, by no more than clocks may drift", 6040, true],
    ["backwards", 3959, false],
    ["backwards, by no more than clocks may drift", 3960, true],
  ])("sees that the store's clock has stepped %s", (_, storeMs, isSteady) => {
    const frame = new ClockFrame();
    expect(frame.note(5000, 100, 140)).toBe(true); // between 4860 and 4900 ahead of ours
    expect(frame.note(storeMs, 100, 140)).toBe(isSteady);
    expect(frame.note(storeMs, 100, 140)).toBe(true); // and goes by the new one
  });

  it("assumes nothing of the time of a command before the first reply (was: that it takes forever)", () => {
    expect(new ClockFrame().leastTripMs).toBe(0);
  });

  it("says when the store's clock has certainly reached a time, by the fastest replies of late", () => {
    const frame = new ClockFrame();
    frame.note(5000, 100, 140);
    expect([frame.reachedMs(5100), frame.leastTripMs]).toEqual([240, 40]);
    frame.note(5100, 170, 260); // slow on its way here
    expect(frame.reachedMs(5200)).toBeCloseTo(340, 0);
    expect(frame.leastTripMs).toBeCloseTo(40, 0);
    frame.note(5200, 310, 330); // a fast one
    expect(frame.reachedMs(5300)).toBe(430);
  });

  it("follows clocks that drift apart, and a step that is too small to report", () => {
    const frame = new ClockFrame();
    for (let nowMs = 0; nowMs < 100_000; nowMs += 1000) frame.note(nowMs * 1.0005, nowMs - 10, nowMs + 10);
    expect(frame.reachedMs(100_050)).toBeGreaterThanOrEqual(100_000);
    expect(frame.reachedMs(100_050)).toBeLessThan(100_012);
    expect(frame.note(100_750, 99_990, 100_010)).toBe(true);
    expect(frame.reachedMs(100_750)).toBe(100_010);
  });

  it("knows how long a command rarely takes longer than", () => {
    const frame = new ClockFrame();
    for (let n = 0; n < 100; n++) frame.note(n * 1000, n * 1000 - 25, n * 1000 + 25 + (n % 2) * 10);
    expect(frame.longTripMs).toBeGreaterThan(60);
    expect(frame.longTripMs).toBeLessThan(75);
  });
});
