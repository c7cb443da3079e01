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

  it("gives everybody their part over many calls, to within two seats, whoever wants how much more than that", () => {
    const greedy = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 2, maxLength: 40 });
    fc.assert(
      fc.property(greedy, fc.integer({ min: 1, max: 30 }), (weights, seats) => {
        const calls = 100;
        const sum = weights.reduce((total, weight) => total + weight, 0);
        let owed = weights.map(() => 0);
        const had = weights.map(() => 0);
        for (let call = 0; call < calls; call++) {
          const shares = maxMin(
            weights.map((weight, i) => ({ seats: 1000, weight, owed: owed[i] as number })),
            seats,
          );
          owed = shares.map((share) => share.owed);
          for (const [i, share] of shares.entries()) had[i] = (had[i] as number) + share.seats;
        }
        for (const [i, weight] of weights.entries()) {
          expect(Math.abs((had[i] as number) - (calls * seats * weight) / sum)).toBeLessThanOrEqual(2);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("never gives more seats than there are, whatever is owed, and whoever many there are", () => {
    const owing = fc.record({
      seats: fc.integer({ min: 0, max: 9 }),
      weight: fc.integer({ min: 1, max: 10 }),
      owed: fc.oneof(fc.constantFrom(-1, 0, 0.999_999_999_9, 1.000_001), fc.double({ min: -1, max: 1, noNaN: true })),
    });
    fc.assert(
      fc.property(fc.array(owing, { maxLength: 60 }), fc.integer({ min: 0, max: 20 }), (all, seats) => {
        const wanted = all.reduce((sum, each) => sum + each.seats, 0);
        const shares = maxMin(all, seats);
        expect(shares.reduce((sum, share) => sum + share.seats, 0)).toBe(Math.min(seats, wanted));
        for (const [i, share] of shares.entries()) {
          expect(share.seats).toBeGreaterThanOrEqual(0);
          expect(share.seats).toBeLessThanOrEqual(all[i]?.seats ?? 0);
        }
      }),
      { numRuns: 1000 },
    );
    const many = Array.from({ length: 200_000 }, () => ({ seats: 1, weight: 1 }));
    expect(maxMin(many, 200).reduce((sum, { seats }) => sum + seats, 0)).toBe(200);
  });
});
