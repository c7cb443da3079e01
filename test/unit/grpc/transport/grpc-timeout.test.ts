import { describe, expect, it } from "vitest";
import { timeoutMsOf } from "../../../../src/grpc/transport/grpc-timeout.js";

describe("timeoutMsOf", () => {
  it.each([
    ["0m", 0], // from a client whose deadline has passed
    ["1n", 1e-6],
    ["250u", 0.25],
    ["1500m", 1500],
    ["30S", 30_000],
    ["5M", 300_000],
    ["00000001H", 3_600_000],
    ["2592000S", 2_592_000_000],
    ["99999999H", 99_999_999 * 3_600_000],
  ])("reads %s", (header, ms) => {
    expect(timeoutMsOf(header)).toBeCloseTo(ms, 9);
  });

  it("has no limit without a header", () => {
    expect(timeoutMsOf(undefined)).toBe(Infinity);
  });

  it.each([
    "",
    "S",
    "30",
    "123456789S",
    "-5S",
    "+5S",
    "1.5S",
    "5 S",
    " 5S",
    "5s",
    "5h",
    "5SS",
    "1S, 2S",
    "5S\n",
    "1e3S",
    "٣S",
  ])("takes none that gRPC forbids: %j", (header) => {
    expect(timeoutMsOf(header)).toBeUndefined();
  });
});
