import { describe, expect, it } from "vitest";
import { growthOf } from "../../support/growth.js";

describe("growthOf", () => {
  it("is what was added from the first reading to the last if as much was added each time", () => {
    expect(growthOf([30, 31, 32, 33])).toBeCloseTo(3);
    expect(growthOf([5, 5, 5])).toBe(0);
    expect(growthOf([5])).toBe(0);
  });

  it("sees a leak behind one low reading in the end, and takes one high one for no leak", () => {
    const steady = [30, 31, 32, 33, 34, 35, 36, 37, 38, 30];
    expect(growthOf(steady)).toBeGreaterThan(4);
    expect(growthOf([30, 30, 30, 30, 30, 30, 30, 30, 30, 35])).toBeLessThan(4);
  });
});
