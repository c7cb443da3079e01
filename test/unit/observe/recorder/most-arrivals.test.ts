import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Interval, mostArrivals, reachesInto } from "../../../../src/observe/recorder/most-arrivals.js";
import { runs } from "../../../support/property-runs.js";

const SECOND_US = 1_000_000;

function interval(fromUs: number, toUs: number): Interval {
  return { fromUs, toUs };
}

describe("mostArrivals", () => {
  it("knows nothing without calls", () => {
    expect(mostArrivals([])).toBeUndefined();
  });

  it("does not count a call that is sent exactly one second after the answer to another", () => {
    const first = interval(0, 20_000);
    expect(mostArrivals([first, interval(20_000 + SECOND_US, 1_040_000)])?.arrivals).toBe(1);
    expect(mostArrivals([first, interval(20_000 + SECOND_US - 1, 1_040_000)])?.arrivals).toBe(2);
  });

  it("counts a call as long as it can have arrived, not when it was sent", () => {
    const long = interval(0, 5 * SECOND_US);
    expect(mostArrivals([long, interval(6 * SECOND_US - 1, 6 * SECOND_US)])?.arrivals).toBe(2);
    expect(mostArrivals([long, interval(6 * SECOND_US, 6 * SECOND_US)])?.arrivals).toBe(1);
  });

  it("tells where the first such second begins", () => {
    const calls = [interval(0, 10), interval(5 * SECOND_US, 5 * SECOND_US + 7), interval(5 * SECOND_US, 6 * SECOND_US)];
    expect(mostArrivals(calls)).toEqual({ arrivals: 2, secondFromUs: 5 * SECOND_US + 7 });
  });

  // Half seconds and their neighbours: equality is where mistakes are made.
  const aboutUs = fc.tuple(fc.nat(8), fc.integer({ min: -1, max: 1 })).map(([n, us]) => n * (SECOND_US / 2) + us);
  const intervals = fc.array(
    fc.oneof(
      fc.tuple(aboutUs, fc.nat(3)).map(([from, half]) => interval(from, from + half * (SECOND_US / 2))),
      fc.tuple(fc.nat(5 * SECOND_US), fc.nat(2 * SECOND_US)).map(([from, long]) => interval(from, from + long)),
    ),
    { minLength: 1, maxLength: 30 },
  );

  it("finds what trying every second finds", () => {
    fc.assert(
      fc.property(intervals, (calls) => {
        const edges = calls.flatMap(({ fromUs, toUs }) => [fromUs - SECOND_US, fromUs, toUs, toUs - SECOND_US]);
        const seconds = edges.flatMap((us) => [us - 1, us, us + 1]);
        const arrivals = seconds.map((us) => calls.filter((call) => reachesInto(call, us)).length);
        const most = mostArrivals(calls);
        expect(most?.arrivals).toBe(Math.max(...arrivals));
        expect(calls.filter((call) => reachesInto(call, most?.secondFromUs ?? 0))).toHaveLength(most?.arrivals ?? -1);
      }),
      { numRuns: runs(2000) },
    );
  });
});

describe("reachesInto", () => {
  it("takes a second as half-open, and an interval with both ends", () => {
    const call = interval(SECOND_US, 2 * SECOND_US);
    expect(reachesInto(call, 0)).toBe(false);
    expect(reachesInto(call, 1)).toBe(true);
    expect(reachesInto(call, 2 * SECOND_US)).toBe(true);
    expect(reachesInto(call, 2 * SECOND_US + 1)).toBe(false);
  });
});
