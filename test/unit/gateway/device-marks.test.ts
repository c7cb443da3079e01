import { describe, expect, it } from "vitest";
import { deviceMarks } from "../../../src/gateway/device-marks.js";

describe("deviceMarks", () => {
  it.each([1, 28, 29, 10_000])("holds a number for each of %i devices", (devices) => {
    for (const [marks, value] of [
      [deviceMarks(devices, Uint8Array, 0), 0],
      [deviceMarks(devices, Int32Array, -1), -1],
    ] as const) {
      expect([...marks]).toEqual(Array(devices).fill(value));
      marks[devices - 1] = 200;
      expect([marks.length, marks[devices - 1]]).toEqual([devices, 200]);
    }
  });
});
