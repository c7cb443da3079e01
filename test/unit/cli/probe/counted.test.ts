import { describe, expect, it } from "vitest";
import { countedOf } from "../../../../src/cli/probe/counted.js";
import type { Round } from "../../../../src/cli/probe/window.js";

const ROUND_TRIP_MS = 30;
const NEVER = () => 0;

/** A burst of two calls, answered after these times, and a late call. */
function aRound([first, second]: readonly [number, number], lateMs: number, admitted = false): Round {
  const took = (ms: number) => ({ sentMs: 1000, answeredMs: 1000 + ms });
  return { burst: [took(first), took(second)], late: { ...took(lateMs), admitted } };
}

describe("countedOf", () => {
  it("finds calls counted on arrival if a throttled one is answered without the work of others", () => {
    expect(countedOf([aRound([90, 130], 34), aRound([95, 110], 80)], ROUND_TRIP_MS, NEVER)).toBe("arrived");
  });

  it("finds calls counted later if a throttled one takes the same work", () => {
    expect(countedOf([aRound([90, 130], 92), aRound([95, 110], 88)], ROUND_TRIP_MS, NEVER)).toBe("answered");
  });

  it("does not tell from calls that take hardly any work", () => {
    expect(countedOf([aRound([45, 60], 31)], ROUND_TRIP_MS, NEVER)).toBe("unclear");
  });

  it("does not tell without a throttled call, or without the time of the way", () => {
    expect(countedOf([aRound([90, 130], 34, true)], ROUND_TRIP_MS, NEVER)).toBe("unclear");
    expect(countedOf([aRound([90, 130], 34)], undefined, NEVER)).toBe("unclear");
  });

  it("says that it was held up where that may be why a call took long (was: counted later)", () => {
    const rounds = [aRound([90, 130], 92), aRound([95, 110], 88)];
    const [first, second] = rounds.map(({ late }) => late);
    const during = (call: object, ms: number) => (each: object) => (each === call ? ms : 0);
    expect(countedOf(rounds, ROUND_TRIP_MS, during(first as object, 60))).toBe("held-up");
    expect(countedOf(rounds, ROUND_TRIP_MS, during(second as object, 20))).toBe("answered");
  });

  it("says so as well where the calls of the burst may have seemed to be more work than they were", () => {
    const rounds = [aRound([90, 130], 50)];
    expect(countedOf(rounds, ROUND_TRIP_MS, NEVER)).toBe("arrived");
    expect(countedOf(rounds, ROUND_TRIP_MS, (call) => (rounds[0]?.burst.includes(call) ? 40 : 0))).toBe("held-up");
  });
});
