import { describe, expect, it } from "vitest";
import { visible, visibleJson } from "../../../src/base/visible-text.js";

describe("visible", () => {
  it("spells out what would be taken for something else, and leaves words in any language", () => {
    expect(visible("a\u001b[31m\u009b\u202e\u2028\u{e0041}\ud800 召回 größer 😀")).toBe(
      "a\\u{1B}[31m\\u{9B}\\u{202E}\\u{2028}\\u{E0041}\\u{D800} 召回 größer 😀",
    );
  });

  it("keeps what it is told to keep", () => {
    expect(visible("a\nb\tc", "\n")).toBe("a\nb\\u{9}c");
  });
});

describe("visibleJson", () => {
  it("reads back as the same", () => {
    const text = "\u0000\u001b\u007f\u009b\u202e\u2028\u{e0041}\ud800\ufeff";
    const json = visibleJson(JSON.stringify({ text }));
    expect(json).toMatch(/^[\x20-\x7e]*$/);
    expect(JSON.parse(json)).toEqual({ text });
  });
});
