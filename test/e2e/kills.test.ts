// What SIGKILL under load leaves behind: the short form of `npm run kills`. A gateway that did not open its ledger would
// send while calls of its predecessor still arrive.
import { afterAll, describe, expect, it } from "vitest";
import { killUnderLoad } from "../support/kills.js";
import { endPrograms } from "../support/processes.js";

afterAll(endPrograms);

describe("a gateway that is killed under load", () => {
  it("has told nobody what is not true, loses nothing if clients retry, and no second has an eleventh call", async () => {
    const { accepted, untrue, left, failedWith, struck, worstSecond, refused } = await killUnderLoad(3, 1, () => {});
    expect({ untrue, left, refused, failedWith }).toEqual({
      untrue: [],
      left: [],
      refused: {},
      failedWith: ["UNAVAILABLE"],
    });
    expect(accepted).toBeGreaterThan(1000);
    expect(struck).toBeGreaterThan(0);
    expect(worstSecond).toBeLessThanOrEqual(10);
  });
});
