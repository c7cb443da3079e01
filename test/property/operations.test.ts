// Histories of operations whose store is SQLite: many, because it is in this process.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { history, MUTATED, play, playMutated } from "../support/operation-histories.js";
import { runs } from "../support/property-runs.js";

describe("operations", () => {
  it("keep their promises whatever dies, at whatever moment", async () => {
    await fc.assert(
      fc.asyncProperty(history, (each) => play(each)),
      { numRuns: runs(80) },
    );
  });

  it.each(MUTATED)("break a promise if a process %s", async (mutation, steps, broken) => {
    await expect(playMutated(mutation, steps)).rejects.toThrow(broken);
  });
});
