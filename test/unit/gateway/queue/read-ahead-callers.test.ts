import { describe, expect, it } from "vitest";
import { ReadAheadCallers } from "../../../../src/gateway/queue/read-ahead-callers.js";
import { aScope, SCOPE } from "../../../support/fake-command.js";

describe("ReadAheadCallers", () => {
  it("knows a caller in a scope until its time", () => {
    const callers = new ReadAheadCallers();
    callers.set(SCOPE, "a", 100, 0);
    expect([0, 99, 100].map((nowMs) => callers.has(SCOPE, "a", nowMs))).toEqual([true, true, false]);
    expect([callers.has(SCOPE, "b", 0), callers.has(aScope("other"), "a", 0)]).toEqual([false, false]);
    callers.clear();
    expect(callers.has(SCOPE, "a", 0)).toBe(false);
  });

  it("counts what was found in a row, and starts again at the next that was not", () => {
    const callers = new ReadAheadCallers();
    callers.noteFound(SCOPE, "a", 5);
    expect(callers.foundBy(SCOPE, "a")).toBe(0);
    callers.set(SCOPE, "a", 100, 0);
    callers.noteFound(SCOPE, "a", 5);
    callers.noteFound(SCOPE, "a", 7);
    expect(callers.foundBy(SCOPE, "a")).toBe(12);
    callers.noteFound(SCOPE, "a", 0);
    callers.noteFound(SCOPE, "a", 1);
    expect(callers.foundBy(SCOPE, "a")).toBe(1);
    callers.set(SCOPE, "a", 200, 50);
    expect(callers.foundBy(SCOPE, "a")).toBe(0);
  });
});
