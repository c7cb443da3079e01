import { describe, expect, it } from "vitest";
import { OUTCOMES } from "../../../src/gateway/device-outcome.js";
import {
  closeOutcomes,
  decodeOutcomes,
  encodeOutcomes,
  failureAt,
  hasOpenDevices,
  isFinal,
  kindOfMark,
  markOf,
  mergeOutcomes,
  noOutcomes,
  setOutcome,
} from "../../../src/operations/outcomes.js";

const [ACCEPTED, VERIFIED, UNKNOWN] = [0, 1, OUTCOMES.indexOf("unknown")];

describe("outcomes", () => {
  it("keep their numbers, because operations are stored by them", () => {
    const names = [
      "accepted",
      "verified-canceled",
      "already-finished",
      "no-task",
      "rejected",
      "unknown",
      "not-attempted",
    ];
    expect(OUTCOMES.slice(0, names.length)).toEqual(names);
    expect(markOf(OUTCOMES.indexOf("accepted"))).toBe(1);
  });

  it("come back from their bytes as they went in", () => {
    const outcomes = noOutcomes(2000);
    for (let index = 0; index < 2000; index += 3)
      setOutcome(outcomes, index, markOf(index % 7), index % 2 ? `"${index}"` : "");
    const again = decodeOutcomes(encodeOutcomes(outcomes), 2000, JSON.stringify(outcomes.failures));
    expect(again).toEqual(outcomes);
    expect(failureAt(again, 3)).toBe('"3"');
    expect(failureAt(again, 6)).toBe("");
    expect(kindOfMark(again.marks[9] as number)).toBe(2);
  });

  it("take a byte for each device without failures", () => {
    const outcomes = noOutcomes(2000);
    for (let index = 0; index < 2000; index += 3) setOutcome(outcomes, index, markOf(index % 7), "");
    const bytes = encodeOutcomes(outcomes);
    expect(bytes).toHaveLength(2000);
    const again = decodeOutcomes(bytes, 2000, "[]");
    expect(again).toEqual(outcomes);
    setOutcome(again, 1, markOf(UNKNOWN), '"why"');
    expect(failureAt(again, 1)).toBe('"why"');
    expect([outcomes.marks[1], failureAt(again, 0)]).toEqual([0, ""]);
  });

  it("store a failure once for all devices that share it", () => {
    const outcomes = noOutcomes(200);
    for (let index = 0; index < 200; index++) setOutcome(outcomes, index, markOf(UNKNOWN), index < 100 ? '"a"' : '"b"');
    expect(outcomes.failures).toEqual(['"a"', '"b"']);
  });

  it("keep a final one, and replace a provisional one", () => {
    const stored = noOutcomes(3);
    setOutcome(stored, 0, markOf(ACCEPTED), "");
    setOutcome(stored, 1, markOf(ACCEPTED, true), "");
    const added = noOutcomes(3);
    for (let index = 0; index < 2; index++) setOutcome(added, index, markOf(VERIFIED), "");
    expect(mergeOutcomes(stored, added)).toEqual([0, 1, 0, 0, 0, 0, 0]);
    expect([...stored.marks].map(isFinal)).toEqual([true, true, false]);
    expect(kindOfMark(stored.marks[0] as number)).toBe(ACCEPTED);
    expect(hasOpenDevices(stored)).toBe(true);
    expect(closeOutcomes(stored, UNKNOWN, '"why"')).toEqual([0, 0, 0, 0, 0, 1, 0]);
    expect(hasOpenDevices(stored)).toBe(false);
  });
});
