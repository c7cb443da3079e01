import { describe, expect, it } from "vitest";
import type { DeviceOutcome } from "../../../src/gateway/device-outcome.js";
import type { Failure } from "../../../src/gateway/failures.js";
import { isWell, verdict } from "../../../src/gateway/verdict.js";
import { names } from "../../support/fake-command.js";

const ACCEPTED: DeviceOutcome = { kind: "accepted" };
const THROTTLED: Failure = { kind: "throttled", message: "throttled" };
const EXPIRED: Failure = { kind: "expired", message: "expired" };
const UNAVAILABLE: Failure = { kind: "unavailable", message: "unavailable" };
const not = (failure: Failure): DeviceOutcome => ({ kind: "not-attempted", failure });

function judge(outcomes: readonly DeviceOutcome[], requireAll = false) {
  return verdict(outcomes, names(outcomes.length), requireAll);
}

describe("verdict", () => {
  it("is OK if any device ended well, unless all are required", () => {
    expect(judge([not(EXPIRED), ACCEPTED, not(EXPIRED)])).toBeUndefined();
    expect(judge([not(EXPIRED), ACCEPTED, not(EXPIRED)], true)?.failure).toBe(EXPIRED);
    expect(judge([ACCEPTED, ACCEPTED], true)).toBeUndefined();
  });

  it("is an error if no device ended well", () => {
    expect(judge([not(EXPIRED)])?.failure).toBe(EXPIRED);
  });

  it("names the commonest cause, and counts all", () => {
    const judged = judge([not(EXPIRED), not(THROTTLED), not(THROTTLED)]);
    expect(judged?.failure).toBe(THROTTLED);
    expect(judged?.causes).toEqual([
      { kind: "throttled", devices: 2, sampleNames: ["dev-1", "dev-2"] },
      { kind: "expired", devices: 1, sampleNames: ["dev-0"] },
    ]);
  });

  it("breaks ties in the order of the list of kinds", () => {
    expect(judge([not(UNAVAILABLE), not(THROTTLED), not(EXPIRED)])?.causes.map(({ kind }) => kind)).toEqual([
      "expired",
      "throttled",
      "unavailable",
    ]);
  });

  it("adds up failures of one kind, and shows the commonest of them", () => {
    const other: Failure = { kind: "unavailable", message: "another call" };
    const judged = judge([not(THROTTLED), not(THROTTLED), not(other), not(UNAVAILABLE), not(UNAVAILABLE)]);
    expect(judged?.failure).toBe(UNAVAILABLE);
    expect(judged?.causes.map(({ kind, devices }) => [kind, devices])).toEqual([
      ["unavailable", 3],
      ["throttled", 2],
    ]);
  });

  it("shows at most ten of the caller's names, some of each cause", () => {
    const outcomes = [...Array(100).fill(not(THROTTLED)), ...Array(50).fill(not(EXPIRED)), not(UNAVAILABLE)];
    const judged = judge(outcomes);
    const samples = judged?.causes.map(({ sampleNames }) => sampleNames.length);
    expect(samples).toEqual([4, 3, 1]);
    expect(judge(Array(100).fill(not(EXPIRED)))?.causes[0]?.sampleNames).toEqual(names(10));
  });
});

describe("isWell", () => {
  it("is true of what was accepted only", () => {
    expect(isWell(ACCEPTED)).toBe(true);
    for (const kind of ["rejected", "unknown", "not-attempted"] as const) {
      expect(isWell({ kind, failure: EXPIRED })).toBe(false);
    }
  });
});
