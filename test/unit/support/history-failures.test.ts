import { describe, expect, it } from "vitest";
import { failuresOf, replayOf } from "../../support/history-failures.js";

const FOUND = 'Property failed after 3 tests\n{ seed: -7, path: "2:0:1", endOnFailure: true }\nCounterexample: [1000]';

function reportOf(message: string): string {
  const failed = { fullName: "a queue keeps (all) it's given", status: "failed", failureMessages: [message] };
  const passed = { fullName: "a queue is empty", status: "passed" };
  const file = {
    name: `${process.cwd()}/test/property/queue.test.ts`,
    message: "",
    assertionResults: [passed, failed],
  };
  return JSON.stringify({ testResults: [file] });
}

describe("replayOf", () => {
  it("runs the one test with the seed and the path at which it failed", () => {
    const [failure, ...others] = failuresOf(reportOf(FOUND));
    expect(others).toEqual([]);
    expect(failure && replayOf(failure, 1)).toBe(
      "HISTORY_SEED=-7 HISTORY_PATH=2:0:1 npx vitest run test/property/queue.test.ts " +
        "-t 'a queue keeps \\(all\\) it'\\''s given'",
    );
  });

  it("runs the whole seed where a path does not lead back to the history", () => {
    for (const message of [`${FOUND} /*replayPath="AAB:F"*/`, "Error: timed out"]) {
      const [failure] = failuresOf(reportOf(message));
      expect(failure && replayOf(failure, -7)).toMatch(
        /^HISTORY_SEED=-7 npx vitest run test\/property\/queue\.test\.ts/,
      );
    }
  });
});

describe("failuresOf", () => {
  it("names a file that cannot be loaded", () => {
    const file = { name: `${process.cwd()}/test/property/queue.test.ts`, message: "SyntaxError", assertionResults: [] };
    expect(failuresOf(JSON.stringify({ testResults: [file] }))).toEqual([
      { file: "test/property/queue.test.ts", name: "", message: "SyntaxError" },
    ]);
  });
});
