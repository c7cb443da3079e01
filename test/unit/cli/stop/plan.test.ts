import { describe, expect, it } from "vitest";
import { planFor } from "../../../../src/cli/stop/plan.js";
import type { JobCounts, RolloutJob } from "../../../../src/client/client.js";

const ZERO: JobCounts = { confirm: 0, queued: 0, notified: 0, inProgress: 0, succeeded: 0, failed: 0, canceled: 0 };
const NONE = Object.fromEntries(Object.keys(ZERO).map((state) => [state, undefined])) as unknown as JobCounts;
const SCOPE = { productKey: "a1", firmwareId: "f1" };

function aJob(more: Partial<RolloutJob>): RolloutJob {
  const times = { createTime: undefined, countTime: undefined };
  return { jobId: "1", kind: "STATIC", status: "IN_PROGRESS", counts: ZERO, incomplete: "", ...times, ...more };
}

describe("planFor", () => {
  it("cancels a static batch by one call, also one that has not begun or was not counted", () => {
    const plan = ["cancel all its tasks by one call"];
    expect(planFor(aJob({ counts: { ...ZERO, queued: 3 } }), SCOPE)).toEqual(plan);
    expect(planFor(aJob({ status: "PLANNED" }), SCOPE)).toEqual(plan);
    expect(planFor(aJob({ counts: NONE }), SCOPE)).toEqual(plan);
    expect(planFor(aJob({ status: "COMPLETED", counts: { ...ZERO, notified: 1 } }), SCOPE)).toEqual(plan);
  });

  it("closes a dynamic batch first, unless its strategy is kept", () => {
    const job = aJob({ kind: "DYNAMIC" });
    expect(planFor(job, SCOPE)).toEqual(["close it to new devices", "cancel all its tasks by one call"]);
    expect(planFor(job, { ...SCOPE, keepStrategies: true })).toEqual(["cancel all its tasks by one call"]);
  });

  it("cancels a verification device by device", () => {
    expect(planFor(aJob({ kind: "VERIFY", counts: { ...ZERO, queued: 1 } }), SCOPE)).toEqual([
      "cancel its devices one by one",
    ]);
  });

  it("does nothing with a batch that is over, or has no task in the states that were asked for", () => {
    expect(planFor(aJob({ status: "COMPLETED", counts: NONE }), SCOPE)).toEqual([]);
    expect(planFor(aJob({ kind: "DYNAMIC", status: "CANCELED" }), SCOPE)).toEqual([]);
    const notified = aJob({ status: "COMPLETED", counts: { ...ZERO, notified: 5 } });
    expect(planFor(notified, { ...SCOPE, states: ["QUEUED"] })).toEqual([]);
  });
});
