import { describe, expect, it } from "vitest";
import { resultLine, resultRow } from "../../../../src/cli/cancel/result-row.js";

const row = (deviceName: string) =>
  resultRow({ deviceName, outcome: "NOT_ATTEMPTED", ok: false }, { productKey: "a1", firmwareId: "f1" }, new Date(0));
const cell = (deviceName: string) => resultLine(row(deviceName), "csv").split(",NOT_ATTEMPTED")[0];

describe("resultLine", () => {
  it.each([
    ["=cmd|calc!A1", "'=cmd|calc!A1"],
    ["+1+2", "'+1+2"],
    ["-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"],
    ["@SUM(1)", "'@SUM(1)"],
    [" =1+1", "' =1+1"],
    ["\t=1+1", "\\u{9}=1+1"],
  ])("writes %j so that no spreadsheet takes it for a formula", (name, expected) => {
    expect(cell(name)).toBe(expected);
  });

  it.each(["-camera", "@camera", "a=b+c", "camera-1"])("leaves %s as it is: a name may look so", (name) => {
    expect(cell(name)).toBe(name);
  });

  it.each(["csv", "jsonl"] as const)("spells out in %s what a terminal would obey", (format) => {
    const line = resultLine(row("\u001b]0;pwn\u0007\u001b[31mred\u202e\u009b"), format);
    expect(line.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(line).toContain("red");
  });
});
