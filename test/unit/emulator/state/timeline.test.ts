import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Timeline } from "../../../../src/emulator/state/timeline.js";

describe("Timeline", () => {
  it("runs what is due in the order of its time, and of two at once the one set first", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50)), fc.array(fc.nat(60), { minLength: 1 }), (times, looks) => {
        let nowMs = 0;
        const timeline = new Timeline(() => nowMs);
        const ran: number[] = [];
        for (const [index, atMs] of times.entries()) timeline.at(atMs, () => ran.push(index));
        for (const lookMs of looks.toSorted((a, b) => a - b)) {
          nowMs = lookMs;
          timeline.settle();
          const due = [...times.keys()].filter((index) => (times[index] as number) <= nowMs);
          expect(ran).toEqual(due.sort((a, b) => (times[a] as number) - (times[b] as number) || a - b));
        }
      }),
    );
  });

  it("shows what it runs the time that it was due at, and runs what that sets for before now", () => {
    let nowMs = 0;
    const timeline = new Timeline(() => nowMs);
    const seen: number[] = [];
    const repeat = () => {
      seen.push(timeline.now());
      timeline.at(timeline.now() + 100, repeat);
    };
    timeline.at(100, repeat);
    nowMs = 350;
    timeline.settle();
    expect(seen).toEqual([100, 200, 300]);
    expect(timeline.now()).toBe(350);
  });
});
