// The small decisions of a stop.
import { describe, expect, it } from "vitest";
import { Counts } from "../../../src/rollout/counts.js";
import { etagOf, hasNewJob } from "../../../src/rollout/etag.js";
import { flagsOfStates } from "../../../src/rollout/job-flags.js";
import type { JobTaskState, OpenState } from "../../../src/rollout/job-operator.js";
import { Sweep } from "../../../src/rollout/sweep.js";

const EVERY: readonly OpenState[] = ["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"];

describe("flagsOfStates", () => {
  const of = (states: readonly OpenState[], isPlanned = false, confirmable: number | undefined = undefined) =>
    flagsOfStates(new Set(states), { isPlanned, confirmable });

  it("has a flag for each state", () => {
    expect(of(["NOTIFIED"])).toEqual({
      ...{ scheduled: false, queued: false, notified: true, inProgress: false, unconfirmed: false },
    });
    expect(Object.values(of(EVERY))).toEqual([true, true, true, true, true]);
  });

  it("reaches scheduled tasks only where that reaches nothing else", () => {
    expect(of(["QUEUED"]).scheduled).toBe(false);
    expect(of(["QUEUED"], true).scheduled).toBe(false);
    expect(of(["QUEUED"], true, 3).scheduled).toBe(false);
    expect(of(["QUEUED"], true, 0).scheduled).toBe(true);
    expect(of(["CONFIRM", "QUEUED"], true, 3).scheduled).toBe(true);
    expect(of(["NOTIFIED", "IN_PROGRESS"], true, 0).scheduled).toBe(false);
  });
});

describe("etagOf", () => {
  it("does not depend on order, and is stale only for a new batch", () => {
    const etag = etagOf(["b", "a"]);
    expect(etagOf(["a", "b", "a"])).toBe(etag);
    expect(hasNewJob(etag, ["a"])).toBe(false);
    expect(hasNewJob(etag, [])).toBe(false);
    expect(hasNewJob(etag, ["a", "c"])).toBe(true);
    expect(hasNewJob(etagOf([]), ["a"])).toBe(true);
    expect(hasNewJob(etagOf([]), [])).toBe(false);
  });
});

describe("Counts", () => {
  const QUEUED: readonly JobTaskState[] = ["QUEUED"];
  const noted = (...counts: readonly (readonly [total: number, sentMs: number, changedMs?: number])[]) => {
    const all = new Counts();
    for (const [total, sentMs, changedMs = 0] of counts) all.note("QUEUED", { total, sentMs }, changedMs);
    return all;
  };

  it("prove nothing by one zero, or by two that are close together", () => {
    expect(noted([0, 0]).areProvedZero(QUEUED, 0)).toBe(false);
    expect(noted([0, 0], [0, 4999]).areProvedZero(QUEUED, 0)).toBe(false);
    expect(noted([0, 0], [0, 5000]).areProvedZero(QUEUED, 0)).toBe(true);
    expect(noted([0, 0], [0, 5000]).areProvedZero([...QUEUED, "NOTIFIED"], 0)).toBe(false);
  });

  it("prove nothing if there was another number in between, or a change", () => {
    expect(noted([0, 0], [1, 2000], [0, 5000]).areProvedZero(QUEUED, 0)).toBe(false);
    expect(noted([0, 0], [1, 2000], [0, 5000], [0, 10_000]).areProvedZero(QUEUED, 0)).toBe(true);
    expect(noted([0, 0], [0, 5000]).areProvedZero(QUEUED, 1)).toBe(false);
    expect(noted([0, 0], [0, 4000, 3000], [0, 8999, 3000]).areProvedZero(QUEUED, 3000)).toBe(false);
    expect(noted([0, 0], [0, 4000, 3000], [0, 9000, 3000]).areProvedZero(QUEUED, 3000)).toBe(true);
  });

  it("go by when a count began, not by when it was answered", () => {
    expect(noted([3, 5000], [0, 4000]).of("QUEUED")?.total).toBe(3);
  });
});

describe("Sweep", () => {
  const listed = (...states: readonly string[]) => ({
    kind: "tasks" as const,
    total: 9,
    tasks: states.map((state, n) => ({ deviceName: `dev-${n}`, state })),
  });

  it("reads pages from the last to the first, a few at a time", () => {
    const sweep = new Sweep("job", ["QUEUED"]);
    sweep.begin(() => 1220);
    expect(sweep.next(10).map((call) => "page" in call && call.page)).toEqual([13, 12, 11, 10, 9, 8, 7, 6, 5, 4]);
    expect([sweep.next(0), sweep.reading]).toEqual([[], 10]);
    sweep.read(undefined);
    expect(sweep.next(1).map((call) => "page" in call && call.page)).toEqual([3]);
  });

  it("cancels only devices that a fresh page shows in the asked-for states, each once in a pass", () => {
    const sweep = new Sweep("job", ["QUEUED", "NOTIFIED"]);
    sweep.begin(() => 1);
    sweep.next(10);
    sweep.read(listed("QUEUED", "IN_PROGRESS", "NOTIFIED"));
    expect(sweep.next(10)).toEqual([
      { operation: "CancelOTATaskByDevice", jobId: "job", deviceNames: ["dev-0", "dev-2"] },
    ]);
    sweep.read(listed("QUEUED"));
    expect(sweep.next(10)).toEqual([]);
    expect(sweep.isUnderWay).toBe(true);
    sweep.canceled();
    expect(sweep.isUnderWay).toBe(false);
  });

  it("ends after 200 pages and three passes", () => {
    const sweep = new Sweep("job", ["QUEUED"]);
    for (let pass = 0; pass < 3; pass++) {
      expect(sweep.mayPass).toBe(true);
      sweep.begin(() => 1_000_000);
      let pages = 0;
      for (let calls = sweep.next(10); calls.length > 0; calls = sweep.next(10)) {
        pages += calls.length;
        for (const _ of calls) sweep.read(undefined);
      }
      expect(pages).toBe(200);
    }
    expect(sweep.mayPass).toBe(false);
    sweep.forgetPasses();
    expect(sweep.mayPass).toBe(true);
  });
});
