import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LastSecond } from "../../../src/emulator/last-second.js";

describe("LastSecond", () => {
  it("holds the moments less than a second old, whatever came before", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400)), (gapsMs) => {
        const lastSecond = new LastSecond();
        const allMs: number[] = [];
        let nowMs = 0;
        for (const gapMs of gapsMs) {
          nowMs += gapMs;
          allMs.push(nowMs);
          lastSecond.add(nowMs);
          const expected = allMs.filter((momentMs) => nowMs - momentMs < 1000);
          expect(lastSecond.size).toBe(expected.length);
          expect(lastSecond.oldestMs).toBe(expected[0]);
        }
      }),
    );
  });

  it("is empty again a second after the last moment", () => {
    const lastSecond = new LastSecond();
    lastSecond.add(10);
    lastSecond.forget(1010);
    expect(lastSecond.size).toBe(0);
    expect(lastSecond.oldestMs).toBeUndefined();
  });
});
