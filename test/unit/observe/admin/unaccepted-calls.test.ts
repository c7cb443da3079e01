import { describe, expect, it } from "vitest";
import { UnacceptedCalls } from "../../../../src/observe/admin/unaccepted-calls.js";
import { anEnd, aSentCall } from "../../../support/observed-calls.js";

function add(calls: UnacceptedCalls, sentMs: number, code: string, byCaller: Readonly<Record<string, number>>): void {
  const call = aSentCall(sentMs, { devicesByCaller: new Map(Object.entries(byCaller)) });
  calls.add(call, anEnd(call, { kind: "refused", code }));
}

describe("UnacceptedCalls", () => {
  it("counts by code and caller, the latest first", () => {
    const calls = new UnacceptedCalls();
    add(calls, 0, "x", { a: 1, b: 2 });
    add(calls, 1000, "y", { a: 3 });
    add(calls, 2000, "x", { a: 4 });
    const counts = calls.latest.map((each) => [each.code, each.caller, each.calls, each.devices]);
    expect(counts).toEqual([
      ["x", "a", 2, 5],
      ["y", "a", 1, 3],
      ["x", "b", 1, 2],
    ]);
  });

  it("stays small, whatever callers and the upstream call themselves", () => {
    const calls = new UnacceptedCalls();
    for (let n = 0; n < 1000; n++) {
      const callers = Object.fromEntries(Array.from({ length: 50 }, (_, m) => [`${n}-${m}${"x".repeat(5000)}`, 1]));
      add(calls, n, `\u202e${n}${"y".repeat(5000)}`, callers);
    }
    expect(calls.latest).toHaveLength(10);
    expect(JSON.stringify(calls.latest).length).toBeLessThan(5000);
    expect(calls.latest[0]?.code).toMatch(/^\\u\{202E\}999y+…$/);
  });
});
