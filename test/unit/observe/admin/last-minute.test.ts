import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LastMinute } from "../../../../src/observe/admin/last-minute.js";

const SPAN_MS = 61_000;

describe("LastMinute", () => {
  it("shows each second of the last minute, and the one that has begun", () => {
    const minute = new LastMinute();
    minute.add(1_000_050, 3);
    minute.add(1_000_950, 4);
    minute.add(1_059_990, 5);
    minute.add(1_060_010, 6);
    const seconds = minute.perSecond(1_060_020);
    expect(seconds).toHaveLength(61);
    expect([seconds[0], seconds[59], seconds[60]]).toEqual([7, 5, 6]);
    expect(minute.total(1_060_020)).toBe(18);
  });

  it("counts the second that ends now, and the most in any", () => {
    const minute = new LastMinute();
    for (let n = 0; n < 10; n++) minute.add(5000 + n * 100, 1);
    expect(minute.lastSecond(5900)).toBe(10);
    expect(minute.lastSecond(6450)).toBe(5);
    expect(minute.mostInASecond(60_000)).toBe(10);
    expect(minute.lastSecond(60_000)).toBe(0);
    expect(minute.mostInASecond(80_000)).toBe(0);
  });

  it("takes back what turned out not to have happened, and forgets it once the minute is over", () => {
    const minute = new LastMinute();
    minute.add(10_000, 1);
    minute.add(10_000, -1);
    expect(minute.total(10_000)).toBe(0);
    minute.add(100_000, 1);
    minute.add(10_000, -1);
    expect(minute.total(100_000)).toBe(1);
  });

  it("agrees with a plain list of everything that happened", () => {
    const events = fc.array(
      fc.record({ afterMs: fc.integer({ min: 0, max: 20_000 }), count: fc.integer({ min: 1, max: 9 }) }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e9 }),
        events,
        fc.integer({ min: 0, max: 70_000 }),
        (startMs, list, idleMs) => {
          const minute = new LastMinute();
          let nowMs = startMs;
          const all = list.map(({ afterMs, count }) => {
            nowMs += afterMs;
            minute.add(nowMs, count);
            return { bucket: Math.floor(nowMs / 100), count };
          });
          nowMs += idleMs;
          const newest = Math.floor(nowMs / 100);
          const between = (from: number, to: number) =>
            all.filter(({ bucket }) => bucket >= from && bucket < to).reduce((sum, { count }) => sum + count, 0);
          const oldest = newest - SPAN_MS / 100 + 1;
          expect(minute.total(nowMs)).toBe(between(oldest, newest + 1));
          expect(minute.lastSecond(nowMs)).toBe(between(newest - 9, newest + 1));
          const windows = Array.from({ length: SPAN_MS / 100 }, (_, n) => between(oldest + n, oldest + n + 10));
          expect(minute.mostInASecond(nowMs)).toBe(Math.max(...windows));
          const begun = Math.floor(newest / 10) * 10;
          const seconds = Array.from({ length: 61 }, (_, n) => begun - (60 - n) * 10);
          expect(minute.perSecond(nowMs)).toEqual(seconds.map((from) => between(Math.max(from, oldest), from + 10)));
        },
      ),
    );
  });
});
