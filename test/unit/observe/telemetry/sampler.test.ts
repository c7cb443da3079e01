import { describe, expect, it } from "vitest";
import { UpstreamCallsSampler } from "../../../../src/observe/telemetry/sampler.js";

describe("UpstreamCallsSampler", () => {
  it.each([
    ["0.25", "0.25"],
    ["0", "0"],
    ["", "1"], // an empty variable is one that is not set (was: 0, so that nobody was traced)
    [" ", "1"],
    ["half", "1"],
    ["7", "1"],
  ])("takes a ratio of %j for %s", (argument, ratio) => {
    const environment = { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: argument };
    expect(String(new UpstreamCallsSampler(environment))).toBe(`UpstreamCallsSampler{TraceIdRatioBased{${ratio}}}`);
  });
});
