import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRollout } from "../../../../src/emulator/rollout-control.js";
import { seededName } from "../../../../src/emulator/state/seeded-name.js";
import { TASK_STATES } from "../../../../src/emulator/state/task-state.js";
import { type Asked, newFirmware, newFleet, newJob, newService, type Task, tasksOf } from "../service.js";

const JobId = "EmulatedUpgradeJob00000200";
const FirmwareId = "EmulatedFirmware0000030100";
const ProductKey = "a1EmulatorPk";

describe("listOtaTaskByJob", () => {
  it("gives every task once over its pages, of one state or of all", () => {
    fc.assert(
      fc.property(
        fc.nat(60),
        fc.integer({ min: 1, max: 25 }),
        fc.constantFrom(undefined, ...TASK_STATES),
        (count, PageSize, state) => {
          const stateOf = (index: number) => TASK_STATES[(index * 5) % 7] ?? "QUEUED";
          const service = newService({ devices: count, taskState: stateOf });
          const fitting = Array.from({ length: count }, (_, index) => index).filter(
            (index) => state === undefined || stateOf(index) === state,
          );
          const more: Asked = state === undefined ? {} : { TaskStatus: state };
          const listed: Task[] = [];
          for (let CurrentPage = 1; CurrentPage <= Math.ceil(fitting.length / PageSize) + 1; CurrentPage++) {
            const answer = service.call("ListOTATaskByJob", { JobId, PageSize, CurrentPage, ...more });
            const Total = fitting.length;
            expect(answer).toMatchObject({ CurrentPage, PageSize, Total, PageCount: Math.ceil(Total / PageSize) });
            listed.push(...tasksOf(service, JobId, { PageSize, CurrentPage, ...more }));
          }
          expect(listed.map(({ DeviceName }) => DeviceName)).toEqual(fitting.map((index) => seededName(index)));
        },
      ),
      { numRuns: 50 },
    );
  });

  it("gives the tasks of up to 50 devices, and passes over names without one", () => {
    const service = newService({ devices: 3, taskState: (index) => (index === 1 ? "FAILED" : "QUEUED") });
    const DeviceNames = [seededName(1), seededName(2), "nobody"];
    expect(tasksOf(service, JobId, { DeviceNames }).map((task) => task.TaskStatus)).toEqual(["FAILED", "QUEUED"]);
    expect(tasksOf(service, JobId, { DeviceNames, TaskStatus: "FAILED" })).toHaveLength(1);
    const many = Array.from({ length: 51 }, (_, index) => seededName(index));
    expect(service.codeOf("ListOTATaskByJob", { JobId, DeviceNames: many })).toBe(
      "iot.device.TooManyDeviceNamesPerRequest",
    );
  });

  it("gives all tasks of the devices asked for on any page, because paging does not apply (was: one page)", () => {
    const service = newService({ devices: 30 });
    const DeviceNames = Array.from({ length: 30 }, (_, index) => seededName(index));
    const more: Asked[] = [{ PageSize: 10 }, { PageSize: 1, CurrentPage: 7 }];
    expect(more.map((each) => tasksOf(service, JobId, { DeviceNames, ...each }).length)).toEqual([30, 30]);
    expect(service.call("ListOTATaskByJob", { JobId, DeviceNames })["Total"]).toBe(30);
  });

  it.each<[asked: Asked, code: string]>([
    [{ PageSize: 101 }, "iot.common.InvalidPageParams"],
    [{ PageSize: 0 }, "iot.common.InvalidPageParams"],
    [{ CurrentPage: "one" }, "iot.common.InvalidPageParams"],
    [{ CurrentPage: 1001, PageSize: 100 }, "iot.common.InvalidPageParams"],
    [{ TaskStatus: "DONE" }, "iot.firmware.InvalidTaskStatus"],
    [{ JobId: "other" }, "iot.ota.InvalidJobId"],
  ])("refuses %o with %s", (asked, code) => {
    expect(newService().codeOf("ListOTATaskByJob", { JobId, ...asked })).toBe(code);
  });
});

describe("listOtaTaskByJob with a lag", () => {
  it("shows tasks and their states as they were that long ago, with counts that fit", async () => {
    const service = newService({ listLagMs: 2000 });
    const job = createRollout(service.platform, { devices: 5, states: { NOTIFIED: 2 } }, service.settings).jobId;
    const totals = () =>
      [undefined, "QUEUED", "NOTIFIED", "CANCELED"].map((TaskStatus) => {
        const asked = { JobId: job, PageSize: 1, ...(TaskStatus && { TaskStatus }) };
        return service.call("ListOTATaskByJob", asked)["Total"];
      });
    expect(totals()).toEqual([0, 0, 0, 0]);
    await service.clock.advance(2000);
    expect(totals()).toEqual([5, 3, 2, 0]);
    service.call("CancelOTATaskByJob", { JobId: job, CancelQueuedTask: true });
    await service.clock.advance(1999);
    expect(totals()).toEqual([5, 3, 2, 0]);
    await service.clock.advance(1);
    expect(totals()).toEqual([5, 0, 2, 3]);
    expect(tasksOf(service, job, { TaskStatus: "CANCELED" }).map((task) => task.TaskStatus)).toHaveLength(3);
    expect(tasksOf(service, job, { DeviceNames: [seededName(0)] })).toMatchObject([{ TaskStatus: "NOTIFIED" }]);
  });
});

describe("listOtaUnfinishedTaskByDevice", () => {
  const unfinished = (asked: Asked, state: "QUEUED" | "SUCCEEDED" = "QUEUED") => {
    const service = newService({ devices: 1, taskState: () => state });
    const IotId = service.platform.devices.iotIdOf(0);
    const by = asked["IotId"] === "own" ? { ...asked, IotId } : asked;
    return {
      code: service.codeOf("ListOTAUnfinishedTaskByDevice", by),
      count: () =>
        (service.call("ListOTAUnfinishedTaskByDevice", by)["Data"] as unknown as { SimpleOTATaskInfo: [] })
          .SimpleOTATaskInfo.length,
    };
  };
  const DEVICE = { ProductKey, DeviceName: seededName(0) };

  it("finds a device by its IotId, or by product and name", () => {
    expect(unfinished({ IotId: "own" }).count()).toBe(1);
    expect(unfinished(DEVICE).count()).toBe(1);
    expect(unfinished(DEVICE, "SUCCEEDED").count()).toBe(0);
  });

  it("takes one state, or up to four", () => {
    expect(unfinished({ ...DEVICE, TaskStatus: "QUEUED" }).count()).toBe(1);
    expect(unfinished({ ...DEVICE, TaskStatus: "CONFIRM" }).count()).toBe(0);
    expect(unfinished({ ...DEVICE, TaskStatusList: ["CONFIRM", "QUEUED"] }).count()).toBe(1);
    expect(unfinished({ ...DEVICE, TaskStatusList: ["CONFIRM"] }).count()).toBe(0);
  });

  it.each<[asked: Asked, code: string]>([
    [{}, "iot.ota.EmptyDeviceInfoParams"],
    [{ ProductKey }, "iot.ota.EmptyDeviceInfoParams"],
    [{ ...DEVICE, ProductKey: "other" }, "iot.prod.NotExistedProduct"],
    [{ ...DEVICE, DeviceName: "nobody" }, "iot.device.NotExistedDevice"],
    [{ IotId: "nobody" }, "iot.device.NotExistedDevice"],
    [{ ...DEVICE, TaskStatus: "SUCCEEDED" }, "iot.firmware.InvalidTaskStatus"],
    [{ ...DEVICE, TaskStatusList: ["FAILED"] }, "iot.firmware.InvalidTaskStatus"],
    [{ ...DEVICE, ModuleName: "wi fi" }, "iot.ota.InvalidOtaModuleName"],
  ])("refuses %o with %s", (asked, code) => {
    expect(unfinished(asked).code).toBe(code);
  });
});

describe("the lists of jobs", () => {
  it("begin with the newest, and are those of the package, or of the device too", () => {
    const service = newService({ devices: 1 });
    const fleet = newFleet(service, 2);
    const first = newJob(service, fleet);
    service.call("CancelOTATaskByJob", { JobId: first, CancelQueuedTask: true });
    const second = newJob(service, fleet, { TargetSelection: "SPECIFIC", TargetDeviceName: ["light-1"] });
    const idsIn = (action: string, more: Asked) => {
      const { Data } = service.call(action, { FirmwareId: fleet.FirmwareId, CurrentPage: 1, PageSize: 10, ...more });
      return (Data as unknown as { SimpleOTAJobInfo: { JobId: string }[] }).SimpleOTAJobInfo.map((job) => job.JobId);
    };
    expect(idsIn("ListOTAJobByFirmware", {})).toEqual([second, first]);
    expect(idsIn("ListOTAJobByFirmware", { PageSize: 1, CurrentPage: 2 })).toEqual([first]);
    expect(idsIn("ListOTAJobByFirmware", { FirmwareId })).toEqual([JobId]);
    const device = (DeviceName: string) => ({ ProductKey: fleet.ProductKey, DeviceName });
    expect(idsIn("ListOTAJobByDevice", device("light-0"))).toEqual([first]);
    expect(idsIn("ListOTAJobByDevice", device("light-1"))).toEqual([second, first]);
    const ofAnother = { FirmwareId: newFirmware(service), ...device("light-1") };
    expect(idsIn("ListOTAJobByDevice", ofAnother)).toEqual([]);
  });
});

describe("listOtaFirmware", () => {
  it("gives all packages, or those of a product or version", () => {
    const service = newService();
    const { ProductKey: own } = newFleet(service, 0);
    newFirmware(service, { DestVersion: "7.0.0" });
    const total = (more: Asked) => service.call("ListOTAFirmware", { CurrentPage: 1, PageSize: 1, ...more })["Total"];
    expect([total({}), total({ ProductKey: own }), total({ DestVersion: "7.0.0" })]).toEqual([3, 1, 1]);
  });
});
