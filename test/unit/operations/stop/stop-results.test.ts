import { describe, expect, it } from "vitest";
import { StopResults } from "../../../../src/operations/stop/stop-results.js";

describe("StopResults", () => {
  it("keeps no device of a batch that is done, also of an earlier process (was: those of all batches)", () => {
    const results = new StopResults({ chunks: [0, 1], chunkJobs: ["a", "b"] });
    results.recallFinal(0, "device-1");
    results.recallFinal(1, "device-1");
    const isKept = (jobId: string) => results.chunkOf(jobId, ["device-1"]) === undefined;
    expect([isKept("a"), isKept("b")]).toEqual([true, true]);
    results.forget(["a"]);
    expect([isKept("a"), isKept("b")]).toEqual([false, true]);
    results.recallFinal(0, "device-1");
    results.recall({ chunk: 0, names: ["device-1"] });
    expect(isKept("a")).toBe(false);
  });
});
