import { describe, expect, it } from "vitest";
import type { EmulatorOptions } from "../../../../../src/emulator/options.js";
import { seededName } from "../../../../../src/emulator/state/seeded-name.js";
import { type Asked, newFirmware, newFleet, newJob, newService } from "../../service.js";

const SCOPE = { ProductKey: "a1EmulatorPk", FirmwareId: "EmulatedFirmware0000030100" };
const names = (count: number, first = 0) => Array.from({ length: count }, (_, index) => seededName(first + index));

function newCancel(options: EmulatorOptions = {}) {
  const service = newService({ devices: 201, ...options });
  const asked = (deviceNames: readonly string[], more: Asked = {}) => ({ ...SCOPE, DeviceName: deviceNames, ...more });
  return {
    ...service,
    service,
    cancel: (deviceNames: readonly string[], more: Asked = {}) =>
      service.execute("CancelOTATaskByDevice", asked(deviceNames, more)),
    refusalOf: (deviceNames: readonly string[], more: Asked = {}) =>
      service.codeOf("CancelOTATaskByDevice", asked(deviceNames, more)),
  };
}

describe("cancelOtaTaskByDevice", () => {
  it("cancels the tasks of up to 200 devices, and tells nothing about any", () => {
    const { cancel, platform } = newCancel();
    expect(cancel(names(200))).toEqual({ devices: 200 });
    expect(platform.counts().tasks).toMatchObject({ CANCELED: 200, QUEUED: 1 });
  });

  it.each(["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"] as const)("cancels a task that is %s", (state) => {
    const { cancel, taskOf, platform } = newCancel({ taskState: () => state });
    cancel(names(1));
    expect(taskOf(seededName(0))).toBe("CANCELED");
    expect(platform.counts()).toMatchObject({ devicesCanceled: 1, repeatedCancels: 0 });
  });

  it.each(["SUCCEEDED", "FAILED"] as const)("leaves a task that is %s as it is", (state) => {
    const { cancel, taskOf, platform } = newCancel({ taskState: () => state });
    expect(cancel(names(1)).devices).toBe(1);
    expect(taskOf(seededName(0))).toBe(state);
    expect(platform.counts()).toMatchObject({ devicesCanceled: 0, repeatedCancels: 0 });
  });

  it("counts a cancel of what is canceled already as a repetition", () => {
    const { cancel, platform } = newCancel();
    cancel(names(1));
    cancel(names(1));
    expect(platform.counts()).toMatchObject({ devicesCanceled: 1, repeatedCancels: 1 });
  });

  it("counts no repetition where there is something new to cancel", () => {
    const { service, cancel, platform } = newCancel({ devices: 0 });
    const { ProductKey, FirmwareId, names: registered } = newFleet(service, 1);
    for (let job = 0; job < 2; job++) {
      newJob(service, { ProductKey, FirmwareId });
      cancel(registered, { ProductKey, FirmwareId });
    }
    expect(platform.counts()).toMatchObject({ devicesCanceled: 2, repeatedCancels: 0 });
  });

  it("cancels tasks of its firmware only, and of its job if one is named", () => {
    const { service, cancel, call, taskOf } = newCancel({ devices: 0 });
    const fleet = newFleet(service, 2);
    const JobId = newJob(service, fleet);
    const [first, second] = fleet.names as [string, string];
    const other = newFirmware(service);
    cancel([first], { ...fleet, names: [], FirmwareId: other });
    expect(taskOf(first, fleet.ProductKey)).toBe("QUEUED");
    cancel([first], {
      ProductKey: fleet.ProductKey,
      FirmwareId: fleet.FirmwareId,
      JobId: "EmulatedUpgradeJob00000200",
    });
    expect(taskOf(first, fleet.ProductKey)).toBe("QUEUED");
    cancel([first, second], { ProductKey: fleet.ProductKey, FirmwareId: fleet.FirmwareId, JobId });
    expect(taskOf(first, fleet.ProductKey)).toBe("CANCELED");
    expect(call("QueryOTAJob", { JobId })["Data"]).toMatchObject({ JobStatus: "COMPLETED" });
  });

  it("cancels the tasks of a verification, too", () => {
    const { service, cancel, call, taskOf } = newCancel({ devices: 0 });
    const { ProductKey, names: registered } = newFleet(service, 1);
    const FirmwareId = newFirmware(service, { ProductKey });
    call("CreateOTAVerifyJob", { ProductKey, FirmwareId, TargetDeviceName: registered });
    cancel(registered, { ProductKey, FirmwareId });
    expect(taskOf(registered[0] as string, ProductKey)).toBe("CANCELED");
    expect(call("QueryOTAFirmware", { FirmwareId })["FirmwareInfo"]).toMatchObject({ Status: 0 });
  });

  it.each([
    { why: "an unknown product", change: { ProductKey: "other" }, code: "iot.prod.NotExistedProduct" },
    { why: "an unknown firmware", change: { FirmwareId: "other" }, code: "iot.ota.FirmwareNotFound" },
    { why: "an unknown job", change: { JobId: "other" }, code: "iot.ota.InvalidJobId" },
    { why: "an empty firmware", change: { FirmwareId: "" }, code: "MissingFirmwareId" },
    { why: "no name at all", change: { DeviceName: [] }, code: "MissingDeviceName" },
    { why: "an unknown device", change: { "DeviceName.9": "nobody" }, code: "iot.device.NotExistedDevice" },
    {
      why: "a malformed name",
      change: { "DeviceName.9": "a b c d" },
      code: "iot.device.InvalidFormattedDeviceNameInNameArray",
    },
    {
      why: "a name given twice",
      change: { "DeviceName.9": seededName(0) },
      code: "iot.device.InvalidFormattedDeviceNameInNameArray",
    },
    {
      why: "201 names",
      change: { DeviceName: names(201) },
      code: "iot.device.TooManyDeviceNamesPerRequest",
    },
  ])("refuses $why and cancels nothing", ({ change, code }) => {
    const { refusalOf, platform } = newCancel();
    expect(refusalOf(names(1), change as Asked)).toBe(code);
    expect(platform.counts().devicesCanceled).toBe(0);
  });

  it("refuses a firmware of another product", () => {
    const { service, refusalOf } = newCancel();
    const { ProductKey } = newFleet(service, 0);
    expect(refusalOf(names(1), { FirmwareId: newFirmware(service, { ProductKey }) })).toBe(
      "iot.ota.FirmwareAndProductKeyMismatch",
    );
  });

  describe("switched to", () => {
    it.each([
      { switched: { unknownProduct: "ignore" }, change: { ProductKey: "other" } },
      { switched: { unknownFirmware: "ignore" }, change: { FirmwareId: "other" } },
      { switched: { unknownJob: "ignore" }, change: { JobId: "other" } },
    ] as const)("$switched takes the call and cancels nothing", ({ switched, change }) => {
      const { refusalOf, platform } = newCancel(switched);
      expect(refusalOf(names(1), change)).toBeUndefined();
      expect(platform.counts().devicesCanceled).toBe(0);
    });

    it("a foreign firmware that is ignored, cancels nothing", () => {
      const { service, refusalOf, platform } = newCancel({ foreignFirmware: "ignore" });
      const { ProductKey } = newFleet(service, 0);
      expect(refusalOf(names(1), { FirmwareId: newFirmware(service, { ProductKey }) })).toBeUndefined();
      expect(platform.counts().devicesCanceled).toBe(0);
    });

    it("devices passed over that do not exist, malformed names among them", () => {
      const { cancel, taskOf } = newCancel({ unknownDevice: "ignore", malformedName: "ignore" });
      expect(cancel([seededName(0), "nobody", "a b c d"]).devices).toBe(1);
      expect(taskOf(seededName(0))).toBe("CANCELED");
    });

    it("repeated names taken once", () => {
      const { cancel, platform } = newCancel({ duplicateNames: "ignore" });
      expect(cancel([seededName(0), seededName(0)]).devices).toBe(1);
      expect(platform.counts()).toMatchObject({ devicesCanceled: 1, repeatedCancels: 0 });
    });

    it("the gateway's own refusal of too many names", () => {
      expect(newCancel({ tooManyNames: "gateway" }).refusalOf(names(201))).toBe("InvalidDeviceName");
    });

    it("a refused call that cancels the rest of its devices all the same", () => {
      const { refusalOf, taskOf } = newCancel({ refusedCall: "cancels-rest" });
      expect(refusalOf([seededName(0), "nobody"])).toBe("iot.device.NotExistedDevice");
      expect(taskOf(seededName(0))).toBe("CANCELED");
    });

    it("a call refused when any of its devices has nothing to cancel, or when none has", () => {
      const taskState = (index: number) => (index === 0 ? "SUCCEEDED" : "QUEUED");
      const any = newCancel({ nothingToCancel: "reject-any", taskState });
      expect(any.refusalOf(names(2))).toBe("iot.ota.taskNotExist");
      expect(any.taskOf(seededName(1))).toBe("QUEUED");
      expect(any.refusalOf(names(1, 1))).toBeUndefined();
      const all = newCancel({ nothingToCancel: "reject-all", taskState });
      expect(all.refusalOf(names(2))).toBeUndefined();
      expect(all.taskOf(seededName(1))).toBe("CANCELED");
      expect(all.refusalOf(names(1))).toBe("iot.ota.taskNotExist");
    });
  });
});
