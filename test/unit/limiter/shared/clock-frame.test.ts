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
});
