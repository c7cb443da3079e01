// The tests that SECURITY.md names are there: a defence whose test was renamed or deleted is a defence no more.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const rows = readFileSync("SECURITY.md", "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .map((line) => line.slice(2, -2).split(" | "))
  .filter(([threat]) => threat !== "threat");

describe("SECURITY.md", () => {
  it("has a threat, a defence and a test in each row", () => {
    expect(rows.length).toBeGreaterThan(15);
    for (const cells of rows) expect(cells, cells[0]).toHaveLength(3);
  });

  it.each(rows)("names tests that exist: %s", (_threat, _defence, tests = "") => {
    const named = tests.split("; `").map((each) => /^`?(test\/\S+\.test\.ts)` “(.+)”$/.exec(each));
    for (const [at, match] of named.entries()) {
      expect(match, `test ${at + 1}: expected a file and a title`).not.toBeNull();
      const [, file = "", title = ""] = match ?? [];
      expect(existsSync(file), file).toBe(true);
      expect(readFileSync(file, "utf8").includes(`"${title}"`), `${file}: ${title}`).toBe(true);
    }
  });
});
