import { describe, expect, it } from "vitest";
import { shownText } from "../../../../src/observe/admin/shown-text.js";

describe("shownText", () => {
  it("leaves plain text of any language as it is", () => {
    for (const text of ["fleet-backend", "<img src=x onerror=alert(1)>", "维护", "שירות", "🚚"]) {
      expect(shownText(text, 64)).toBe(text);
    }
  });

  it("spells out what cannot be seen or would reorder the line", () => {
    expect(shownText("a\u202Eb", 64)).toBe("a\\u{202E}b");
    expect(shownText("a\nb\0\u200B\u2028", 64)).toBe("a\\u{A}b\\u{0}\\u{200B}\\u{2028}");
    expect(shownText("a\uD800b", 64)).toBe("a\\u{D800}b");
  });

  it("cuts what is too long, and says so", () => {
    expect(shownText("x".repeat(1000), 8)).toBe("xxxxxxx…");
  });
});
