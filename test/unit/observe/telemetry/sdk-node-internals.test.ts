import { describe, expect, it } from "vitest";
import { sdkNodeInternals } from "../../../../src/observe/telemetry/sdk-node-internals.js";

describe("sdkNodeInternals", () => {
  it("are there, and refused with the tested version when they are not", () => {
    expect(typeof sdkNodeInternals().getSpanProcessorsFromEnv).toBe("function");
    expect(() => sdkNodeInternals(() => ({}))).toThrow(/has no getOtlp.*, getSpan.*tested with .*sdk-node 0\.223\.0/);
    const gone = () => {
      throw new Error("Cannot find module");
    };
    expect(() => sdkNodeInternals(gone)).toThrow(/tested with/);
  });
});
