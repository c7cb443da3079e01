import { describe, expect, it } from "vitest";
import { CallerCounts } from "../../../../src/observe/admin/caller-counts.js";

describe("CallerCounts", () => {
  it("adds up the last minute of each caller, and forgets what is older", () => {
    const counts = new CallerCounts();
    counts.add("a", 10, 0);
    counts.add("a", 5, 30_000);
    counts.add("b", 7, 58_000);
    expect(counts.lastMinute(59_000)).toEqual({ byCaller: new Map(Object.entries({ a: 15, b: 7 })), others: 0 });
    expect(counts.lastMinute(62_000).byCaller.get("a")).toBe(5);
    expect(counts.lastMinute(200_000)).toEqual({ byCaller: new Map(), others: 0 });
  });

  it("does not grow with the number of callers", () => {
    const counts = new CallerCounts();
    for (let n = 0; n < 50_000; n++) counts.add(`caller-${n}`, 2, n);
    const { byCaller, others } = counts.lastMinute(50_000);
    expect(byCaller.size).toBeLessThanOrEqual(1200);
    expect([...byCaller.values()].reduce((sum, devices) => sum + devices, others)).toBe(100_000);
  });
});
