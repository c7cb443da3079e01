import { describe, expect, it } from "vitest";
import { durationOf } from "../../../../src/grpc/wire/details.js";

describe("durationOf", () => {
  it("has whole seconds, and nanoseconds for the rest", () => {
    expect(durationOf(1250.5)).toEqual({ seconds: 1n, nanos: 250_500_000 });
  });

  it("is nothing for what is over", () => {
    expect(durationOf(-3)).toEqual({ seconds: 0n, nanos: 0 });
  });

  it("is left out if nobody can tell how long (was: a RangeError in a timer, which ended the process)", () => {
    expect([Infinity, -Infinity, Number.NaN].map(durationOf)).toEqual([undefined, undefined, undefined]);
  });
});
