import { describe, expect, it } from "vitest";
import { screenRows } from "../../../../src/cli/terminal/screen-rows.js";

describe("screenRows", () => {
  it("counts the rows in which a screen shows a line that is too long (was: one, so that --watch left its rest)", () => {
    expect(screenRows("account  default\n", 80)).toBe(1);
    expect(screenRows(`${"x".repeat(80)}\n`, 80)).toBe(1);
    expect(screenRows(`a\n${"x".repeat(81)}\n\n`, 80)).toBe(4);
  });

  it("does not count colors, nor where the width is not known", () => {
    expect(screenRows(`\x1b[31m${"x".repeat(80)}\x1b[0m\n`, 80)).toBe(1);
    expect(screenRows(`${"x".repeat(200)}\n`, 0)).toBe(1);
  });
});
