import { describe, expect, it } from "vitest";
import { EqualRefusals } from "../../../src/client/equal-refusals.js";
import type { DeviceResult } from "../../../src/client/response.js";

const OK: DeviceResult = { deviceName: "dev-0", outcome: "ACCEPTED", ok: true };

function refusedBy(upstreamCode: string, reason = "REJECTED"): DeviceResult {
  const failure = { reason, code: "NOT_FOUND", message: "no", upstreamCode, violations: [], devices: {} };
  return { deviceName: "dev-1", outcome: "REJECTED", ok: false, failure };
}

const FIRMWARE = refusedBy("iot.ota.FirmwareNotFound");

describe("EqualRefusals", () => {
  it("has seen enough after three requests in a row that were refused as a whole for one reason", () => {
    const refusals = new EqualRefusals();
    const told = [1, 2, 3].map(() => refusals.note([FIRMWARE, FIRMWARE])?.upstreamCode);
    expect(told).toEqual([undefined, undefined, "iot.ota.FirmwareNotFound"]);
  });

  it.each<[why: string, between: DeviceResult[]]>([
    ["a device that ended well", [FIRMWARE, OK]],
    ["another reason", [refusedBy("iot.ota.InvalidJobId")]],
    ["two reasons in one request", [FIRMWARE, refusedBy("iot.ota.InvalidJobId")]],
    ["a failure of another kind", [refusedBy("iot.ota.FirmwareNotFound", "UNAVAILABLE")]],
  ])("begins anew after %s", (_, between) => {
    const refusals = new EqualRefusals();
    for (const results of [[FIRMWARE], [FIRMWARE], between, [FIRMWARE], [FIRMWARE]]) {
      expect(refusals.note(results)).toBeUndefined();
    }
    expect(refusals.note([FIRMWARE])).toBe(FIRMWARE.failure);
  });

  it("goes on through any number of devices that do not exist", () => {
    const refusals = new EqualRefusals();
    for (let n = 0; n < 10; n++) expect(refusals.note([refusedBy("iot.device.NotExistedDevice")])).toBeUndefined();
    expect(refusals.note([refusedBy("iot.ota.DeviceNotExist")])).toBeUndefined();
  });

  it("is not moved by a request without results", () => {
    const refusals = new EqualRefusals();
    expect([[FIRMWARE], [], [FIRMWARE], [], [FIRMWARE]].map((results) => refusals.note(results) !== undefined)).toEqual(
      [false, false, false, false, true],
    );
  });
});
