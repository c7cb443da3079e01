import { describe, expect, it } from "vitest";
import { optional, required, requiredList } from "../../../src/emulator/parameters.js";

describe("requiredList", () => {
  it("orders the values by number, not by the bytes of their names", () => {
    const parameters = new Map([
      ["DeviceName.10", "c"],
      ["DeviceName.2", "b"],
      ["DeviceName.1", "a"],
    ]);
    expect(requiredList(parameters, "DeviceName")).toEqual(["a", "b", "c"]);
  });

  it("takes nothing that only looks like its elements", () => {
    const parameters = new Map(
      ["DeviceName", "DeviceName.", "DeviceName.0", "DeviceName.x", "DeviceNames.1"].map((n) => [n, n]),
    );
    expect(() => requiredList(parameters, "DeviceName")).toThrow(
      expect.objectContaining({ code: "MissingDeviceName" }) as Error,
    );
  });
});

describe("required", () => {
  it("takes an empty value for a missing one", () => {
    expect(optional(new Map([["JobId", ""]]), "JobId")).toBeUndefined();
    expect(() => required(new Map([["ProductKey", ""]]), "ProductKey")).toThrow(
      expect.objectContaining({ code: "MissingProductKey", status: 400 }) as Error,
    );
  });
});
