import { describe, expect, it } from "vitest";
import { transit } from "../../../../src/emulator/faults/transit.js";
import { newRequestId, seededRandom } from "../../../../src/emulator/random.js";

const THOUSAND = Array.from({ length: 1000 });

describe("transit", () => {
  it("takes exactly the latency in all when there is no jitter, split at varying points", () => {
    const random = seededRandom(1);
    const outwards = THOUSAND.map(() => {
      const { outwardMs, backMs } = transit(80, 0, random);
      expect(outwardMs + backMs).toBeCloseTo(80, 9);
      return outwardMs;
    });
    expect(Math.min(...outwards)).toBeLessThan(5);
    expect(Math.max(...outwards)).toBeGreaterThan(75);
  });

  it("stays within latency ± jitter, and never below nothing", () => {
    const random = seededRandom(2);
    const totals = THOUSAND.map(() => transit(50, 80, random)).map(({ outwardMs, backMs }) => outwardMs + backMs);
    expect(Math.min(...totals)).toBe(0);
    expect(Math.max(...totals)).toBeGreaterThan(125);
    expect(Math.max(...totals)).toBeLessThanOrEqual(130);
  });
});

describe("seededRandom", () => {
  it("repeats itself for the same seed and differs for another", () => {
    const first = (seed: number) => THOUSAND.map(seededRandom(seed));
    expect(first(7)).toEqual(first(7));
    expect(first(7)).not.toEqual(first(8));
  });
});

describe("newRequestId", () => {
  it("is a UUID in capitals, a new one each time", () => {
    const random = seededRandom(3);
    const ids = THOUSAND.map(() => newRequestId(random));
    expect(new Set(ids).size).toBe(1000);
    for (const id of ids) expect(id).toMatch(/^[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$/);
  });
});
