import { describe, expect, it } from "vitest";
import { Fleet } from "../../../src/emulator/fleet.js";
import type { OpenQuestions } from "../../../src/emulator/open-questions.js";
import { cancelOtaTaskByDevice } from "../../../src/emulator/operations/cancel-ota-task-by-device.js";
import { seededName } from "../../../src/emulator/seeded-name.js";
import type { TaskState } from "../../../src/emulator/task-state.js";

function newService(taskState: (index: number) => TaskState = () => "QUEUED", open: Partial<OpenQuestions> = {}) {
  const fleet = new Fleet({ productKey: "pk", firmwareId: "fw", jobId: "job", devices: 201, taskState });
  return { fleet, openQuestions: { unknownDevice: "reject", duplicateNames: "reject", ...open } as const };
}

function parameters(deviceNames: string[], more: Record<string, string> = {}): Map<string, string> {
  const numbered = deviceNames.map((name, index) => [`DeviceName.${index + 1}`, name]);
  return new Map(Object.entries({ ProductKey: "pk", FirmwareId: "fw", ...Object.fromEntries(numbered), ...more }));
}

const names = (count: number) => Array.from({ length: count }, (_, index) => seededName(index));

describe("cancelOtaTaskByDevice", () => {
  it("cancels the tasks of up to 200 devices", () => {
    const service = newService();
    expect(cancelOtaTaskByDevice(parameters(names(200)), service)).toEqual({ fields: {}, devices: 200 });
    expect(service.fleet.counts().tasks).toMatchObject({ CANCELED: 200, QUEUED: 1 });
  });

  it("succeeds when some or all of the tasks cannot be canceled any more", () => {
    const service = newService((index) => (index === 0 ? "SUCCEEDED" : "NOTIFIED"));
    expect(cancelOtaTaskByDevice(parameters(names(2)), service).devices).toBe(2);
    expect(cancelOtaTaskByDevice(parameters(names(1)), service).devices).toBe(1);
    expect(service.fleet.counts()).toMatchObject({ devicesCanceled: 1, tasks: { SUCCEEDED: 1 } });
  });

  it("takes the job that the tasks belong to", () => {
    const service = newService();
    cancelOtaTaskByDevice(parameters(names(1), { JobId: "job" }), service);
    expect(service.fleet.taskOf(seededName(0))).toBe("CANCELED");
  });

  it.each([
    { why: "an unknown product", change: { ProductKey: "other" }, code: "iot.prod.NotExistedProduct" },
    { why: "an unknown firmware", change: { FirmwareId: "other" }, code: "iot.ota.FirmwareNotFound" },
    { why: "an unknown job", change: { JobId: "other" }, code: "iot.ota.InvalidJobId" },
    { why: "an empty firmware", change: { FirmwareId: "" }, code: "MissingFirmwareId" },
    { why: "an unknown device", change: { "DeviceName.2": "nobody" }, code: "iot.device.NotExistedDevice" },
    {
      why: "a malformed name",
      change: { "DeviceName.2": "a b c d" },
      code: "iot.device.InvalidFormattedDeviceNameInNameArray",
    },
    {
      why: "a name given twice",
      change: { "DeviceName.2": seededName(0) },
      code: "iot.device.InvalidFormattedDeviceNameInNameArray",
    },
  ])("refuses $why and cancels nothing", ({ change, code }) => {
    const service = newService();
    expect(() => cancelOtaTaskByDevice(parameters(names(1), change), service)).toThrow(
      expect.objectContaining({ code }) as Error,
    );
    expect(service.fleet.counts().devicesCanceled).toBe(0);
  });

  it("refuses 201 names", () => {
    expect(() => cancelOtaTaskByDevice(parameters(names(201)), newService())).toThrow(
      expect.objectContaining({ code: "iot.device.TooManyDeviceNamesPerRequest" }) as Error,
    );
  });

  it("refuses a call without any name", () => {
    expect(() => cancelOtaTaskByDevice(parameters([]), newService())).toThrow(
      expect.objectContaining({
        code: "MissingDeviceName",
        message: "DeviceName is mandatory for this action.",
      }) as Error,
    );
  });

  it("passes over devices that do not exist, if so switched", () => {
    const service = newService(undefined, { unknownDevice: "ignore" });
    expect(cancelOtaTaskByDevice(parameters([seededName(0), "nobody"]), service).devices).toBe(1);
    expect(service.fleet.taskOf(seededName(0))).toBe("CANCELED");
  });

  it("takes a repeated name once, if so switched", () => {
    const service = newService(undefined, { duplicateNames: "ignore" });
    expect(cancelOtaTaskByDevice(parameters([seededName(0), seededName(0)]), service).devices).toBe(1);
    expect(service.fleet.counts()).toMatchObject({ devicesCanceled: 1, repeatedCancels: 0 });
  });
});
