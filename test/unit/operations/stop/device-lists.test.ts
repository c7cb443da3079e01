import { describe, expect, it } from "vitest";
import { STOPPED } from "../../../../src/operations/run-ending.js";
import { DeviceLists } from "../../../../src/operations/stop/device-lists.js";
import type { StopSpec } from "../../../../src/operations/stop/stop-spec.js";
import type { BatchReading, BatchStop } from "../../../../src/rollout/batch-record.js";
import { OPEN_STATES } from "../../../../src/rollout/job-operator.js";

const NONE_LEFT = { CONFIRM: 0, QUEUED: 0, NOTIFIED: 0, IN_PROGRESS: 0 };
const batch = (jobId: string, counts: BatchReading["counts"]) => ({ after: { jobId, counts } }) as BatchStop;
const spec = (listInstalled = false) => ({ states: OPEN_STATES, listInstalled }) as unknown as StopSpec;

/** Of each list its batch, state and outcome, and the devices in its parts. */
function listed(lists: DeviceLists) {
  const found = new Map<string, number>();
  for (let at = { list: 0, page: 1 }; ; ) {
    const part = lists.partAt(at);
    if (!part) return [...found].map(([what, devices]) => `${what}: ${devices}`);
    const [call] = part.calls;
    const state = call?.operation === "ListOTATaskByJob" ? call.state : "";
    const what = `${part.jobId} ${state} ${part.outcome.kind}`;
    found.set(what, (found.get(what) ?? 0) + Math.min(part.most, 100 * part.calls.length));
    expect(part.calls.length).toBeLessThanOrEqual(20);
    at = part.next;
  }
}

describe("DeviceLists", () => {
  it("has what is left of each batch, and the devices that run the package if they were asked for", () => {
    const batches = [
      batch("a", { ...NONE_LEFT, QUEUED: 5, IN_PROGRESS: 2100, SUCCEEDED: 30 }),
      batch("b", { ...NONE_LEFT, SUCCEEDED: 1 }),
    ];
    const left = ["a QUEUED not-attempted: 5", "a IN_PROGRESS not-attempted: 2100"];
    expect(listed(new DeviceLists(batches, spec()))).toEqual(left);
    const whole = new DeviceLists(batches, spec(true));
    expect(listed(whole)).toEqual([...left, "a SUCCEEDED already-finished: 30", "b SUCCEEDED already-finished: 1"]);
    expect(whole.isTruncated).toBe(false);
    const interrupted = new DeviceLists(batches, spec(true), STOPPED);
    expect([listed(interrupted), interrupted.isTruncated]).toEqual([left, true]);
  });

  it("has 10,000 devices of a batch that are left, and 100,000 that run the package", () => {
    const batches = [batch("a", { ...NONE_LEFT, QUEUED: 9990, NOTIFIED: 50, SUCCEEDED: 100_001 })];
    const lists = new DeviceLists(batches, spec(true));
    expect(listed(lists)).toEqual([
      ...["a QUEUED not-attempted: 9990", "a NOTIFIED not-attempted: 10"],
      "a SUCCEEDED already-finished: 100000",
    ]);
    expect(lists.isTruncated).toBe(true);
  });

  it("knows the batches that are done, so that their devices need not be kept in mind", () => {
    const batches = [
      batch("a", { ...NONE_LEFT, QUEUED: 5, SUCCEEDED: 30 }),
      batch("b", { ...NONE_LEFT, SUCCEEDED: 0 }),
      batch("c", { ...NONE_LEFT, SUCCEEDED: 1 }),
    ];
    const lists = new DeviceLists(batches, spec(true));
    const doneAt = [0, 1, 2, 3].map((list) => lists.doneAt({ list, page: 1 }));
    expect(doneAt).toEqual([["b"], ["b"], ["a", "b"], ["a", "b", "c"]]);
  });

  it("says that devices are missing of a batch that was not counted", () => {
    const { CONFIRM: _, ...counts } = NONE_LEFT;
    const lists = new DeviceLists([batch("a", counts)], spec());
    expect([listed(lists), lists.isTruncated]).toEqual([[], true]);
  });

  it("names none to a caller that has lost its rights", () => {
    const failure = { kind: "forbidden", message: "no right" } as const;
    const lists = new DeviceLists([batch("a", { ...NONE_LEFT, QUEUED: 5 })], spec(), {
      ...{ state: "done", failure, unsent: failure },
    });
    expect([listed(lists), lists.isTruncated]).toEqual([[], true]);
  });
});
