import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maxMin, type Want } from "../../src/gateway/max-min.js";

const want = fc.record({ seats: fc.integer({ min: 0, max: 300 }), weight: fc.integer({ min: 1, max: 10 }) });
const wants = fc.array(want, { minLength: 1, maxLength: 40 });
const capacity = fc.integer({ min: 0, max: 200 });

function seatsOf(all: readonly Want[], capacity: number): number[] {
  return maxMin(all, capacity).map(({ seats }) => seats);
}

describe("maxMin", () => {
  it("fills the call as far as anybody wants, and gives nobody more than they want", () => {
    fc.assert(
      fc.property(wants, capacity, (all, seats) => {
        const shares = seatsOf(all, seats);
        const wanted = all.reduce((sum, each) => sum + each.seats, 0);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(Math.min(seats, wanted));
        for (const [i, share] of shares.entries()) {
          expect(share).toBeGreaterThanOrEqual(0);
          expect(share).toBeLessThanOrEqual(all[i]?.seats ?? 0);
        }
      }),
    );
  });

  it("lets nobody lack a seat that another has who has more for their weight", () => {
    fc.assert(
      fc.property(wants, capacity, (all, seats) => {
        const shares = seatsOf(all, seats);
        for (const [i, poor] of all.entries()) {
          if ((shares[i] as number) >= poor.seats) continue;
          for (const [j, rich] of all.entries()) {
            const givenUp = ((shares[j] as number) - 1) / rich.weight;
            expect(givenUp).toBeLessThanOrEqual(((shares[i] as number) + 1) / poor.weight + 1e-9);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("gives what cannot be divided among equals to the earlier ones", () => {
    const equal = { seats: 5, weight: 1 };
    expect(seatsOf([equal, equal, equal], 4)).toEqual([2, 1, 1]);
    expect(seatsOf([equal, equal, equal], 2)).toEqual([1, 1, 0]);
  });

  it("shares by weight among those who want more than their share, and leaves them what others do not want", () => {
    expect(
      seatsOf(
        [
          { seats: 500, weight: 3 },
          { seats: 500, weight: 1 },
        ],
        200,
      ),
    ).toEqual([150, 50]);
    expect(
      seatsOf(
        [
          { seats: 500, weight: 1 },
          { seats: 10, weight: 1 },
          { seats: 500, weight: 1 },
        ],
        200,
      ),
    ).toEqual([95, 10, 95]);
  });
});
