import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readDeviceList } from "../../../src/upstream/device-list.js";

const DETAILS = { frame: "data", rows: "data" };

function read(answer: unknown, asked = ["dev-1", "dev-2"]) {
  const found = readDeviceList(JSON.stringify(answer), DETAILS, asked);
  return found && [...found];
}

describe("readDeviceList", () => {
  it("reads the names of the documented answer, and nothing else", () => {
    const row = { DeviceName: "dev-2", DeviceSecret: "3SvOeqQHaqU1Ynv", Status: "ONLINE" };
    expect(read({ RequestId: "R", Success: true, Data: { Data: [row] } })).toEqual(["dev-2"]);
  });

  it("reads the other operation's list, in whatever case names come", () => {
    const body = JSON.stringify({ deviceStatusList: { deviceStatus: [{ deviceName: "dev-1" }] } });
    const found = readDeviceList(body, { frame: "devicestatuslist", rows: "devicestatus" }, ["dev-1"]);
    expect(found).toEqual(new Set(["dev-1"]));
  });

  it("takes an empty list for one, and a missing list for none", () => {
    expect(read({ Data: { Data: [] } })).toEqual([]);
    for (const answer of [{}, { Data: {} }, { Data: [] }, { Data: { Data: {} } }]) expect(read(answer)).toBeUndefined();
  });

  it("is no list if it has a row without a name, or a device that was not asked for", () => {
    expect(read({ Data: { Data: [{ DeviceName: "dev-1" }, {}] } })).toBeUndefined();
    expect(read({ Data: { Data: [{ DeviceName: "dev-3" }] } })).toBeUndefined();
    expect(read({ Data: { Data: [null] } })).toBeUndefined();
  });

  it("never throws, and never finds what was not asked for", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), fc.array(fc.string()), (body, asked) => {
        for (const name of readDeviceList(body, DETAILS, asked) ?? []) expect(asked).toContain(name);
      }),
    );
  });
});
