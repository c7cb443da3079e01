import { describe, expect, it } from "vitest";
import { pageTokenOf, positionIn } from "../../../../src/grpc/service/page-token.js";

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
