import { describe, expect, it } from "vitest";
import { createQuota, type EmulatedQuota } from "../../../src/emulator/quota.js";

/** How many of `calls` calls at `nowMs` are admitted. */
function admittedAt(quota: EmulatedQuota, nowMs: number, calls: number): number {
  return Array.from({ length: calls }, () => quota.admit(nowMs)).filter(({ admitted }) => admitted).length;
}

describe("createQuota", () => {
  describe("sliding", () => {
    it("admits ten calls in any second, wherever it begins", () => {
      const quota = createQuota("sliding", 10);
      expect(admittedAt(quota, 900, 7)).toBe(7);
      expect(admittedAt(quota, 1100, 7)).toBe(3);
      expect(admittedAt(quota, 1899.9, 1)).toBe(0);
      expect(admittedAt(quota, 1900, 20)).toBe(7);
      expect(admittedAt(quota, 2100, 20)).toBe(3);
    });

    it("tells how long until the oldest call is a second old", () => {
      const quota = createQuota("sliding", 1);
      quota.admit(100.5);
      expect(quota.admit(300)).toEqual({ admitted: false, retryAfterMs: 801 });
      expect(quota.admit(1100.4)).toEqual({ admitted: false, retryAfterMs: 1 });
      expect(quota.admit(1100.5)).toEqual({ admitted: true });
    });

    it("does not count refused calls, so that hammering does not lock a caller out", () => {
      const quota = createQuota("sliding", 1);
      quota.admit(0);
      for (let nowMs = 0; nowMs < 1000; nowMs += 10) quota.admit(nowMs);
      expect(quota.admit(1000).admitted).toBe(true);
    });
  });

  describe("fixed", () => {
    it("admits ten calls in each second of the clock, so up to twenty around its turn", () => {
      const quota = createQuota("fixed", 10);
      expect(admittedAt(quota, 999, 11)).toBe(10);
      expect(admittedAt(quota, 1000, 11)).toBe(10);
      expect(admittedAt(quota, 1999, 11)).toBe(0);
    });

    it("tells how long until the clock's next second", () => {
      const quota = createQuota("fixed", 1);
      quota.admit(5000);
      expect(quota.admit(5250)).toEqual({ admitted: false, retryAfterMs: 750 });
    });
  });
});
