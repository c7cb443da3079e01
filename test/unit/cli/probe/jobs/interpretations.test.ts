import { describe, expect, it } from "vitest";
import type { ProbeAnswer } from "../../../../../src/cli/probe/asker.js";
import type { Watched } from "../../../../../src/cli/probe/jobs/bench.js";
import { effectOf } from "../../../../../src/cli/probe/jobs/effect.js";
import { emptiedOf } from "../../../../../src/cli/probe/jobs/emptying.js";
import { allFlagsFalseOf, missingFlagsOf } from "../../../../../src/cli/probe/jobs/flags.js";
import { strategyOfStaticOf, worksOf } from "../../../../../src/cli/probe/jobs/kinds.js";
import { orderOf } from "../../../../../src/cli/probe/jobs/lists.js";
import { plannedTasksOf, scheduledFlagOf } from "../../../../../src/cli/probe/jobs/scheduled.js";

const accepted: ProbeAnswer = { sighting: { kind: "accepted", status: 200 }, body: "{}", requestId: "R-1" };
const refused: ProbeAnswer = {
  sighting: { kind: "refused", status: 200, code: "iot.ota.New" },
  body: "",
  requestId: "R-2",
};
const did = (effect: Watched["effect"]): Watched => ({ answer: accepted, effect, watchedMs: 10_000 });
const REFUSED: Watched = { answer: refused, effect: "none", watchedMs: 0 };

describe("effectOf", () => {
  const task = (key: string, state: string) => ({ key, state, deviceName: key, jobId: "", text: "", created: "" });
  const before = [task("1", "QUEUED"), task("2", "NOTIFIED"), task("3", "CANCELED")];

  it.each([
    ["all", ["CANCELED", "CANCELED"]],
    ["all, if the others ended by themselves", ["CANCELED", "SUCCEEDED"]],
    ["some", ["CANCELED", "IN_PROGRESS"]],
    ["none", ["NOTIFIED", "IN_PROGRESS"]],
    ["none of those that are left", ["SUCCEEDED", "IN_PROGRESS"]],
    ["unknown, if all ended by themselves", ["SUCCEEDED", "FAILED"]],
  ])("%s", (effect, [one = "", two = ""]) => {
    const after = [task("1", one), task("2", two), task("3", "CANCELED"), task("4", "CANCELED")];
    expect(effectOf(before, after)).toBe(/^\w+/.exec(effect)?.[0]);
  });

  it("takes a state that it does not know for one that can be canceled", () => {
    expect(effectOf([task("1", "NEW_STATE")], [task("1", "NEW_STATE")])).toBe("none");
  });
});

describe("an answer that does not decide", () => {
  it.each([
    ["no flag, and yet accepted", missingFlagsOf(did("all"))],
    ["no flag, refused with another code", missingFlagsOf(REFUSED)],
    ["false flags that cancel", allFlagsFalseOf(did("all"))],
    ["false flags, and no task left to see", allFlagsFalseOf(did("unknown"))],
    ["a static batch whose status changes", strategyOfStaticOf(did("none"), true)],
    ["a static batch whose tasks are canceled", strategyOfStaticOf(did("all"), false)],
    ["a cancel that is accepted without effect", worksOf(did("none"))],
    ["a cancel that reaches some tasks", scheduledFlagOf(did("some"))],
    ["planned tasks that neither flag reaches", plannedTasksOf(did("none"), did("none"))],
    ["a flag alone that is refused", plannedTasksOf(REFUSED, did("all"))],
  ])("%s has no choice, and its RequestId is reported", (_, finding) => {
    expect(finding.choice).toBeUndefined();
    expect(finding).toMatchObject({ surprising: true, note: expect.stringMatching(/^undecided: /) });
  });
});

describe("emptiedOf", () => {
  it.each([
    ["IN_PROGRESS", "CANCELED", "CANCELED"],
    ["IN_PROGRESS", "COMPLETED", "COMPLETED"],
    ["IN_PROGRESS", "COMPLETE", "COMPLETED"],
    ["IN_PROGRESS", "IN_PROGRESS", "unchanged"],
    ["IN_PROGRESS", "ANOTHER", undefined],
  ])("from %s to %s is %s", (before, after, choice) => {
    expect(emptiedOf(before, after).choice).toBe(choice);
  });
});

describe("orderOf", () => {
  it.each([
    [[["1", "2", "2"], ["5"]], "oldest first"],
    [[["3", "2"]], "newest first"],
    [
      [
        ["3", "2"],
        ["1", "2"],
      ],
      "neither",
    ],
    [[["1", "3", "2"]], "neither"],
    [[["1", "1"], ["2"]], undefined],
  ])("%j is %s", (lists, answer) => {
    expect(orderOf("ListOTATaskByJob", lists).answer).toBe(answer);
  });
});
