// What SIGKILL under load leaves behind: the short form of `npm run kills`.
import { afterAll, describe, expect, it } from "vitest";
import { killUnderLoad } from "../support/kills.js";
import { endPrograms } from "../support/processes.js";

afterAll(endPrograms);

describe("a gateway that is killed under load", () => {
  it("has told nobody what is not true, loses nothing with clients that retry, and starts so late that no second has an eleventh call", async () => {
    const { accepted, untrue, left, struck, worstSecond, refused } = await killUnderLoad(3, 1, () => {});
    expect({ untrue, left, refused }).toEqual({ untrue: [], left: [], refused: {} });
    expect(accepted).toBeGreaterThan(1000);
    expect(struck).toBeGreaterThan(0); // or a gateway that starts at once would not be found out
    expect(worstSecond).toBeLessThanOrEqual(10);
  }, 90_000);
});
