import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const page = readFileSync("docs/errors.md", "utf8");
const contract = readFileSync("proto/ota/v1/ota_service.proto", "utf8");

/** The reasons as the contract's table lists them. */
const reasons = [...contract.matchAll(/^\/\/ {2}\| [^|]+\| ([A-Z_]+) +\|/gm)].flatMap(([, reason]) => reason ?? []);

describe("docs/errors.md", () => {
  it("has a row and a section for each reason of the contract", () => {
    expect(reasons.length).toBeGreaterThan(10);
    for (const reason of reasons) {
      expect(page).toMatch(new RegExp(`^\\| \\[${reason}\\]\\(#${reason.toLowerCase()}\\) \\|`, "m"));
      expect(page).toMatch(new RegExp(`^## ${reason}$`, "m"));
    }
  });

  it("knows no reason that the contract does not", () => {
    const sections = [...page.matchAll(/^## ([A-Z_]+)$/gm)].map(([, reason]) => reason);
    expect(sections.filter((reason) => reason !== "REJECTED" && !reasons.includes(reason ?? ""))).toEqual([]);
  });
});
