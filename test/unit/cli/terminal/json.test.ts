import { describe, expect, it } from "vitest";
import { jsonLine, jsonText } from "../../../../src/cli/terminal/json.js";

const VALUE = { obstacle: "a\u009b2J\u202Eb\n", list: ["\u2028"] };

describe.each([
  ["jsonLine", jsonLine],
  ["jsonText", jsonText],
])("%s", (_, print) => {
  it("prints nothing that a terminal would obey, and the same value", () => {
    expect(print(VALUE)).not.toMatch(/[^\P{C}\n]|\p{Zl}/u);
    expect(JSON.parse(print(VALUE))).toEqual(VALUE);
  });
});
