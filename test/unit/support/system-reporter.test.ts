import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { TestModule } from "vitest/node";
import { REQUIREMENTS } from "../../support/system.js";
import { countLine, leftOut, needsOf } from "../../support/system-reporter.js";

type State = "passed" | "failed" | "skipped" | "pending";

/** A file whose tests ended so. */
function file(state: "passed" | "failed" | "skipped", ...tests: readonly State[]): TestModule {
  const allTests = () => tests.map((each) => ({ result: () => ({ state: each }) }));
  return { state: () => state, children: { allTests } } as unknown as TestModule;
}

/** How a test asks; this file asks nothing itself. */
const question = (need: string) => `systemHas("${need}")`;

describe("needsOf", () => {
  it("finds what the files of a run ask for, once each, and nothing that other files ask for", () => {
    expect(needsOf([question("redis"), `it.runIf(${question("redis")})`, "describe()"])).toEqual(["redis"]);
  });

  it("knows every question of every test, for all are asked with the name written out", () => {
    const files = readdirSync("test", { recursive: true, encoding: "utf8" }).filter(
      (path) => path.endsWith(".test.ts") && !import.meta.filename.endsWith(path),
    );
    const questions = files.flatMap(
      (path) => readFileSync(join("test", path), "utf8").match(/\bsystemHas\([^)]*\)/g) ?? [],
    );
    const known = Object.keys(REQUIREMENTS).map(question);
    expect(questions.length).toBeGreaterThan(5);
    expect(questions.filter((each) => !known.includes(each))).toEqual([]);
  });
});

describe("leftOut", () => {
  it("says in one line what is missing, and which packages bring it", () => {
    const line = leftOut(["redis", "promtool"]);
    expect(line).toContain("Redis (redis-tools, redis-server); promtool (prometheus).");
    expect(line).not.toContain("\n");
  });
});

describe("countLine", () => {
  it("counts what passed and failed, and mentions skipped tests only if there are any", () => {
    expect(countLine([file("passed", "passed", "passed")], 0)).toBe("2 passed, 0 failed");
    expect(countLine([file("failed", "passed", "failed"), file("skipped", "skipped")], 0)).toBe(
      "1 passed, 1 failed, 1 skipped",
    );
  });

  it("counts as failed a test that never ended, a file that broke outside its tests, and an error that no file caught", () => {
    expect(countLine([file("failed", "passed", "pending"), file("failed")], 1)).toBe("1 passed, 3 failed");
  });
});
