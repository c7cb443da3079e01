// Histories of operations whose store is SQLite: many, because it is in this process.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { history, MUTATED, play, playMutated } from "../support/operation-histories.js";
import { runs } from "../support/property-runs.js";

/** With this seed, a few random histories show each rule that is left out. */
const SHOWING = { seed: 1, path: "", numRuns: 20, endOnFailure: true };

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

  it.each(MUTATED)("break it in a random history, too, if a process %s", async (mutation, _, broken) => {
    const histories = fc.asyncProperty(history, (each) => play(each, { mutation }));
    const { errorInstance } = await fc.check(histories, SHOWING);
    expect(String(errorInstance)).toMatch(broken);
  });
});
