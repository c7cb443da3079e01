import { setFlagsFromString } from "node:v8";
import { runInThisContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { flatten } from "../../../src/base/flat-string.js";

// How V8 keeps a text can only be asked in its own words.
setFlagsFromString("--allow-natives-syntax");
const keptAlike: (a: string, b: string) => boolean = runInThisContext("(a, b) => %HaveSameMap(a, b)");

describe("a text in one piece", () => {
  const plain = Buffer.from("iot.cn-shanghai.aliyuncs.com").toString();
  const line = Buffer.from("id: 3d1219c7c4c5404aaa1f6d2a48adfda4\n").toString();

  it.each([
    ["was cut from another", line.slice(4).trim()],
    ["was put together", `${line}${line.length}`],
    ["is a key of objects", Object.keys({ "ota.upstream_request_id": 0 })[0] as string],
  ])("is kept as what was read, also if it %s", (_, text) => {
    expect(keptAlike(text, plain)).toBe(false);
    const whole = flatten(text);
    expect(whole).toBe(text);
    expect(keptAlike(whole, plain)).toBe(true);
  });

  it("may be in any script", () => {
    for (const text of ["", "设备", "ö", "\u{1f4a9}"]) expect(flatten(text)).toBe(text);
  });
});
