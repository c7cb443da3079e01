import { describe, expect, it } from "vitest";
import { hideNames } from "../../../../src/cli/probe/names.js";

describe("hideNames", () => {
  it.each([
    ["iot.new.a1Probed.F0001", ["a1Probed", "F0001"], "iot.new.[name].[name]"],
    ["Device ab-1 of a1P is gone", ["ab-1", "a1P"], "Device [name] of [name] is gone"],
    ["Device sensor:7 (b.1)", ["sensor:7", "b.1"], "Device [name] ([name])"],
  ])("hides names that stand alone: %s", (text, names, hidden) => {
    expect(hideNames(text, names)).toBe(hidden);
  });

  it.each([
    ["iot.ota.JobHasCanceled", ["C", "JobHas", ""]],
    ["iot.device.NotExistedDevice", ["device", "Device"]],
    ["MissingCancelQueuedTask", ["CancelQueuedTask"]],
  ])("leaves the words of a code (was: %s read as another code)", (code, names) => {
    expect(hideNames(code, names)).toBe(code);
  });
});
