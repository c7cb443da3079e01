import { describe, expect, it } from "vitest";
import { isListPosition, pageTokenOf, positionIn } from "../../../../src/grpc/service/page-token.js";

const isNumber = (position: unknown) => typeof position === "number";

describe("positionIn", () => {
  it("reads the position of a token of the same list", () => {
    expect(positionIn(pageTokenOf(["a", [1]], 42), ["a", [1]], isNumber)).toBe(42);
    expect(positionIn("", ["a"], isNumber)).toBeUndefined();
  });

  it.each([
    ...[pageTokenOf(["b"], 1), "nonsense", "bnVsbA", Buffer.from("[1]").toString("base64url")],
    ...[pageTokenOf(["a"], {}), pageTokenOf(["a"], undefined)], // was: an internal error
  ])("refuses %j, which is none of this list", (token) => {
    expect(() => positionIn(token, ["a"], isNumber)).toThrow("invalid request");
  });
});

describe("isListPosition", () => {
  const id = "01J00000000000000000000000";

  it("takes the position of an operation", () => {
    expect(isListPosition({ createMs: 1_767_225_600_000, id })).toBe(true);
  });

  it.each([
    undefined,
    7,
    { createMs: 1.5, id }, // was: the store's error, as if it were away
    { createMs: 1e300, id },
    { createMs: 1, id: [id] },
    { createMs: 1, id: "../etc" },
  ])("refuses %j", (position) => {
    expect(isListPosition(position)).toBe(false);
  });
});
