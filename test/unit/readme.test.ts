import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SETTINGS } from "../../src/config.js";

describe("README.md", () => {
  it("lists every setting with its default and meaning", () => {
    const readme = readFileSync("README.md", "utf8");
    for (const { variable, default: fallback, meaning } of Object.values(SETTINGS)) {
      expect(readme).toContain(`| \`${variable}\` | ${fallback ? `\`${fallback}\`` : "unset"} | ${meaning} |`);
    }
  });
});
