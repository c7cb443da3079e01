import { describe, expect, it } from "vitest";
import { judge } from "../../../src/verification/judge.js";
import { aTask } from "../../support/fake-task-reader.js";

const known = (kind: string) => ({ kind: "known", outcome: { kind } });
const at = (state: string, created: string) => aTask({ state, created: `2026-01-0${created}T00:00:00.000Z` });

describe("judge", () => {
  it.each([
    ["CANCELED", "verified-canceled"],
    ["SUCCEEDED", "already-finished"],
    ["FAILED", "already-finished"],
  ])("takes a task that is %s for %s", (state, kind) => {
    expect(judge([aTask({ state })], true)).toEqual(known(kind));
  });

  it.each(["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS", "SOMETHING_NEW"])(
    "claims nothing while it is %s",
    (state) => {
      expect(judge([aTask({ state })], true)).toEqual({ kind: "unfinished", state });
      expect(judge([aTask({ state: "CANCELED" }), aTask({ state })], true)).toEqual({ kind: "unfinished", state });
    },
  );

  it("takes a list of all tasks without one for no task", () => {
    expect(judge([], true)).toEqual(known("no-task"));
  });

  it("says what a list of unfinished tasks leaves open", () => {
    expect(judge([], false)).toMatchObject({
      outcome: { kind: "no-task", unverified: { reason: "NOT_VERIFIED", message: expect.stringContaining("job_id") } },
    });
  });

  it("goes by the task that was created last, in whatever order they are listed", () => {
    const [failed, canceled] = [at("FAILED", "1"), at("CANCELED", "2")];
    expect(judge([failed, canceled], true)).toEqual(known("verified-canceled"));
    expect(judge([canceled, failed], true)).toEqual(known("verified-canceled"));
    expect(judge([at("CANCELED", "1"), at("FAILED", "2")], true)).toEqual(known("already-finished"));
  });

  it("does not claim a cancel if it cannot tell which of two tasks was the last", () => {
    const [failed, canceled] = [at("FAILED", "1"), at("CANCELED", "1")];
    expect(judge([failed, canceled], true)).toEqual(known("already-finished"));
    expect(judge([canceled, failed], true)).toEqual(known("already-finished"));
  });
});
