import { describe, expect, it } from "vitest";
import { createRollout, type RolloutSpec } from "../../../../src/emulator/rollout-control.js";
import { type Asked, newFirmware, newFleet, newJob, newService, type TestService, tasksOf } from "../service.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function report(
  service: TestService,
  productKey: string,
  deviceName: string,
  of: { progress?: number; version?: string },
) {
  return service.report({ productKey, deviceName, ...of });
}

function newRollout(devices = 3, more: Asked = {}) {
  const service = newService();
  const fleet = newFleet(service, devices);
  const JobId = newJob(service, fleet, more);
  const states = (job = JobId) => tasksOf(service, job).map(({ TaskStatus }) => TaskStatus);
  const jobOf = (job = JobId) =>
    service.call("QueryOTAJob", { JobId: job })["Data"] as unknown as Record<string, string>;
  const reports = (deviceName: string, of: { progress?: number; version?: string }) =>
    report(service, fleet.ProductKey, deviceName, of);
  return { service, fleet, JobId, states, jobOf, reports };
}

describe("openBatch", () => {
  it("gives every device of the product a QUEUED task, or with NeedConfirm one that waits for a word", () => {
    expect(newRollout().states()).toEqual(["QUEUED", "QUEUED", "QUEUED"]);
    expect(newRollout(2, { NeedConfirm: true }).states()).toEqual(["CONFIRM", "CONFIRM"]);
  });

  it("leaves devices out that have the new version already, or none of the versions asked for", () => {
    const { service, fleet, states, reports } = newRollout(0);
    const [one, two, three] = ["one-device", "two-device", "three-device"] as const;
    for (const DeviceName of [one, two, three]) {
      service.call("RegisterDevice", { ProductKey: fleet.ProductKey, DeviceName });
    }
    reports(one, { version: "1.1.0" });
    reports(two, { version: "1.0.5" });
    const all = newJob(service, fleet);
    expect(tasksOf(service, all).map(({ DeviceName }) => DeviceName)).toEqual([two, three]);
    service.call("CancelOTATaskByJob", { JobId: all, CancelQueuedTask: true });
    const some = newJob(service, fleet, { SrcVersion: ["1.0.5"] });
    expect(tasksOf(service, some).map(({ DeviceName }) => DeviceName)).toEqual([two]);
    expect(states(some)).toEqual(["QUEUED"]);
  });

  it("takes only devices of the version that a delta package starts from", () => {
    const { service, fleet, reports } = newRollout(2);
    service.call("CancelOTATaskByDevice", { ...fleet, names: [], DeviceName: fleet.names });
    reports("light-1", { version: "1.0.9" });
    const FirmwareId = newFirmware(service, {
      NeedToVerify: false,
      Type: 1,
      SrcVersion: "1.0.9",
      DestVersion: "1.2.0",
    });
    const delta = newJob(service, { ...fleet, FirmwareId });
    expect(tasksOf(service, delta).map(({ DeviceName }) => DeviceName)).toEqual(["light-1"]);
  });

  it("fails the task of a device that has an unfinished one, and leaves that one alone", () => {
    const { service, fleet, states } = newRollout(1);
    const second = newJob(service, fleet);
    expect(tasksOf(service, second)).toMatchObject([{ TaskStatus: "FAILED", TaskDesc: expect.any(String) as string }]);
    expect(states()).toEqual(["QUEUED"]);
  });

  it("with OverwriteMode 2 replaces the older task, unless it is IN_PROGRESS", () => {
    const { service, fleet, states, reports } = newRollout(2);
    reports("light-1", { progress: 10 });
    const second = newJob(service, fleet, { OverwriteMode: 2 });
    expect(states(second)).toEqual(["QUEUED", "FAILED"]);
    expect(states()).toEqual(["CANCELED", "IN_PROGRESS"]);
  });

  it("with MultiModuleMode takes a device once for each module", () => {
    const { service, fleet, states } = newRollout(1);
    const FirmwareId = newFirmware(service, { NeedToVerify: false, ModuleName: "wifi" });
    expect(states(newJob(service, { ...fleet, FirmwareId }))).toEqual(["FAILED"]);
    expect(states(newJob(service, { ...fleet, FirmwareId }, { MultiModuleMode: true }))).toEqual(["QUEUED"]);
    const unfinished = (more: Asked) =>
      service.call("ListOTAUnfinishedTaskByDevice", { ProductKey: fleet.ProductKey, DeviceName: "light-0", ...more });
    expect(unfinished({})["Data"]).toMatchObject({
      SimpleOTATaskInfo: [{ ModuleName: "wifi" }, { ModuleName: "default" }],
    });
    expect((unfinished({ ModuleName: "wifi" })["Data"] as { SimpleOTATaskInfo: [] }).SimpleOTATaskInfo).toHaveLength(1);
  });

  it("with GRAY takes that part of the devices", () => {
    const { service, fleet } = newRollout(0);
    for (let index = 0; index < 9; index++) {
      service.call("RegisterDevice", { ProductKey: fleet.ProductKey, DeviceName: `gray-${index}` });
    }
    expect(tasksOf(service, newJob(service, fleet, { TargetSelection: "GRAY", GrayPercent: "33.34" }))).toHaveLength(4);
  });

  it("plans a scheduled job, starts it on time, and at its end gives up what has not begun", async () => {
    const now = newService().clock.wallNow();
    const more = { ScheduleTime: now + 10 * MINUTE_MS, ScheduleFinishTime: now + 2 * HOUR_MS };
    const { service, states, jobOf, reports } = newRollout(2, more);
    expect(jobOf()).toMatchObject({ JobStatus: "PLANNED", UtcScheduleTime: new Date(more.ScheduleTime).toISOString() });
    expect(states()).toEqual(["QUEUED", "QUEUED"]);
    reports("light-0", { progress: 5 });
    expect(states()).toEqual(["QUEUED", "QUEUED"]);
    await service.clock.advance(10 * MINUTE_MS);
    expect(jobOf()["JobStatus"]).toBe("IN_PROGRESS");
    reports("light-0", { progress: 5 });
    await service.clock.advance(2 * HOUR_MS);
    expect(states()).toEqual(["IN_PROGRESS", "CANCELED"]);
    reports("light-0", { version: "1.1.0" });
    expect(jobOf()["JobStatus"]).toBe("COMPLETED");
  });

  it("goes on with a job whose first task failed at once", () => {
    const { service, fleet, jobOf, states } = newRollout(2);
    service.call("CancelOTATaskByDevice", { ...fleet, names: [], DeviceName: ["light-1"] });
    const second = newJob(service, fleet);
    expect(states(second)).toEqual(["FAILED", "QUEUED"]);
    expect(jobOf(second)["JobStatus"]).toBe("IN_PROGRESS");
  });

  it("keeps a job PLANNED of which nothing is left, until it is due", async () => {
    const ScheduleTime = newService().clock.wallNow() + 10 * MINUTE_MS;
    const { service, fleet, jobOf } = newRollout(1, { ScheduleTime });
    service.call("CancelOTATaskByDevice", { ...fleet, names: [], DeviceName: fleet.names });
    expect(jobOf()["JobStatus"]).toBe("PLANNED");
    await service.clock.advance(10 * MINUTE_MS);
    expect(jobOf()["JobStatus"]).toBe("COMPLETED");
  });

  it("completes a job without devices at once", () => {
    expect(newRollout(0).jobOf()["JobStatus"]).toBe("COMPLETED");
  });
});

describe("device reports", () => {
  it("lead a task through progress to success, and a job to its end", () => {
    const { service, JobId, jobOf, reports } = newRollout(1);
    reports("light-0", { progress: 30 });
    expect(tasksOf(service, JobId)).toMatchObject([{ TaskStatus: "IN_PROGRESS", Progress: "30.00" }]);
    expect(reports("light-0", { version: "1.1.0" })).toBe("SUCCEEDED");
    expect(tasksOf(service, JobId)).toMatchObject([{ Progress: "100.00", SrcVersion: "1.0.0", DestVersion: "1.1.0" }]);
    expect(jobOf()["JobStatus"]).toBe("COMPLETED");
  });

  it("fail a task by a number below zero, and by a version that is neither the old nor the new one", () => {
    const { service, JobId, reports } = newRollout(2);
    reports("light-0", { progress: -2 });
    reports("light-1", { progress: 90 });
    reports("light-1", { version: "1.0.9" });
    expect(tasksOf(service, JobId)).toMatchObject([
      { TaskStatus: "FAILED" },
      { TaskStatus: "FAILED", TaskDesc: "report version is not conform" },
    ]);
  });

  it("leave a task in progress whose device reports the version that it had (was: failed it)", () => {
    const { reports } = newRollout(1);
    reports("light-0", { progress: 50 });
    expect(reports("light-0", { version: "1.0.0" })).toBe("IN_PROGRESS");
    expect(reports("light-0", { version: "1.1.0" })).toBe("SUCCEEDED");
  });

  it("use up a retry by a wrong version, too (was: failed the task)", () => {
    const { reports } = newRollout(1, { SrcVersion: ["1.0.0"], RetryInterval: 10, RetryCount: 1 });
    reports("light-0", { progress: 50 });
    expect(reports("light-0", { version: "1.0.9" })).toBe("IN_PROGRESS");
    expect(reports("light-0", { version: "1.0.9" })).toBe("FAILED");
  });

  it("fail a task that is retried by itself only when its retries are used up", () => {
    const more = { SrcVersion: ["1.0.0"], RetryInterval: 10, RetryCount: 2 };
    const { service, JobId, states, reports } = newRollout(1, more);
    reports("light-0", { progress: 50 });
    const afterFailure = () => {
      reports("light-0", { progress: -1 });
      return states();
    };
    expect([afterFailure(), afterFailure(), afterFailure()]).toEqual([["IN_PROGRESS"], ["IN_PROGRESS"], ["FAILED"]]);
    const TaskId = tasksOf(service, JobId).map((task) => task.TaskId);
    service.call("ReupgradeOTATask", { JobId, TaskId });
    expect([afterFailure(), afterFailure(), afterFailure()]).toEqual([["QUEUED"], ["QUEUED"], ["FAILED"]]);
  });

  it("fail a task at once whose job names no version to start from, retries or not (was: retried it)", () => {
    const { reports } = newRollout(1, { RetryInterval: 10, RetryCount: 2 });
    expect(reports("light-0", { progress: -1 })).toBe("FAILED");
  });

  it("do not move a task that waits for confirmation, or is canceled", () => {
    const { service, fleet, JobId, states, reports } = newRollout(1, { NeedConfirm: true });
    expect(reports("light-0", { progress: 10 })).toBe("CONFIRM");
    service.call("CancelOTATaskByJob", { JobId, CancelUnconfirmedTask: true });
    expect(reports("light-0", { progress: 10 })).toBe("CANCELED");
    expect(states()).toEqual(["CANCELED"]);
    expect(reports("nobody", { progress: 10 })).toBeUndefined();
    expect(fleet.names).toHaveLength(1);
  });

  it("start the timeout with the first progress, not before", async () => {
    const { service, JobId, states, reports } = newRollout(2, { TimeoutInMinutes: 10 });
    await service.clock.advance(30 * MINUTE_MS);
    expect(states()).toEqual(["QUEUED", "QUEUED"]);
    reports("light-0", { progress: 1 });
    await service.clock.advance(9 * MINUTE_MS);
    reports("light-0", { progress: 90 });
    await service.clock.advance(MINUTE_MS);
    expect(tasksOf(service, JobId)).toMatchObject([
      { TaskStatus: "FAILED", Timeout: "10", TaskDesc: expect.stringContaining("timed out") as string },
      { TaskStatus: "QUEUED" },
    ]);
  });

  it("give a task that runs again a timeout of its own", async () => {
    const { service, JobId, states, reports } = newRollout(1, { TimeoutInMinutes: 10 });
    reports("light-0", { progress: 1 });
    await service.clock.advance(8 * MINUTE_MS);
    reports("light-0", { progress: -1 });
    const TaskId = tasksOf(service, JobId).map((task) => task.TaskId);
    service.call("ReupgradeOTATask", { JobId, TaskId });
    reports("light-0", { progress: 1 });
    await service.clock.advance(3 * MINUTE_MS);
    expect(states()).toEqual(["IN_PROGRESS"]);
    await service.clock.advance(7 * MINUTE_MS);
    expect(states()).toEqual(["FAILED"]);
  });

  it("decide a verification: one success is enough, and a package without any has failed", () => {
    const { service, fleet, reports } = newRollout(0);
    const { ProductKey } = fleet;
    const names = ["verify-0", "verify-1"];
    for (const DeviceName of names) service.call("RegisterDevice", { ProductKey, DeviceName });
    const statusOf = (FirmwareId: string) =>
      (service.call("QueryOTAFirmware", { FirmwareId })["FirmwareInfo"] as { Status: number }).Status;
    const bad = newFirmware(service, { DestVersion: "3.0.0" });
    expect(
      service.codeOf("CreateOTAStaticUpgradeJob", { ...fleet, names: [], FirmwareId: bad, TargetSelection: "ALL" }),
    ).toBe("iot.ota.FirmwareNotVerified");
    service.call("CreateOTAVerifyJob", { ProductKey, FirmwareId: bad, TargetDeviceName: names });
    expect(statusOf(bad)).toBe(2);
    for (const name of names) reports(name, { progress: -1 });
    expect(statusOf(bad)).toBe(3);
    const good = newFirmware(service, { DestVersion: "3.0.0" });
    service.call("CreateOTAVerifyJob", { ProductKey, FirmwareId: good, TargetDeviceName: names });
    reports("verify-1", { version: "3.0.0" });
    expect(statusOf(good)).toBe(1);
    expect(service.codeOf("CreateOTAVerifyJob", { ProductKey, FirmwareId: good, TargetDeviceName: names })).toBe(
      "iot.system.IllegalRequest",
    );
  });
});

describe("joinDynamicBatches", () => {
  function newDynamic(DynamicMode: number) {
    const rollout = newRollout(1);
    const { service, fleet, JobId } = rollout;
    service.call("CancelOTATaskByJob", { JobId, CancelQueuedTask: true });
    const { ProductKey, FirmwareId } = fleet;
    const asked = { ProductKey, FirmwareId, SrcVersion: ["1.0.0"], DynamicMode };
    const dynamic = (service.call("CreateOTADynamicUpgradeJob", asked)["Data"] as { JobId: string }).JobId;
    const devices = () => tasksOf(service, dynamic).map(({ DeviceName }) => DeviceName);
    const register = (DeviceName: string) => service.call("RegisterDevice", { ProductKey, DeviceName });
    return { ...rollout, asked, dynamic, devices, register };
  }

  it("takes in the devices that there are, that register, and that come to report the version", () => {
    const { devices, register, reports } = newDynamic(1);
    expect(devices()).toEqual(["light-0"]);
    register("late-0");
    expect(devices()).toEqual(["light-0", "late-0"]);
    reports("late-0", { version: "1.0.0" });
    expect(devices()).toEqual(["light-0", "late-0"]);
  });

  it("takes a device in again that reports such a version when its task is over, ten times in all (was: once)", () => {
    const { service, fleet, dynamic, states, reports } = newDynamic(1);
    for (let match = 1; match <= 10; match++) {
      expect(states(dynamic)).toEqual([...Array(match - 1).fill("CANCELED"), "QUEUED"]);
      service.call("CancelOTATaskByDevice", { ...fleet, names: [], DeviceName: ["light-0"] });
      reports("light-0", { version: "1.0.0" });
    }
    expect(states(dynamic)).toEqual(Array(10).fill("CANCELED"));
  });

  it("takes in no device that was deleted (was: its canceled task was handed to the older job)", () => {
    const service = newService({ olderDynamicJob: "takes-over" });
    const dynamic = (spec: RolloutSpec) =>
      createRollout(service.platform, { kind: "dynamic", ...spec }, service.settings).jobId;
    const older = dynamic({ firmwareId: "OlderFirmware" });
    const newer = dynamic({ devices: 1 });
    service.call("DeleteDevice", { ProductKey: service.settings.productKey, DeviceName: "device-0000000" });
    service.call("CancelOTAStrategyByJob", { JobId: newer });
    expect([tasksOf(service, newer).length, tasksOf(service, older).length]).toEqual([1, 0]);
  });

  it("takes in no device of another product", () => {
    const { service, devices } = newDynamic(1);
    newFleet(service, 1);
    expect(devices()).toEqual(["light-0"]);
  });

  it("with DynamicMode 2 takes in only what reports later", () => {
    const { devices, register, reports } = newDynamic(2);
    register("late-0");
    expect(devices()).toEqual([]);
    reports("late-0", { version: "1.0.0" });
    expect(devices()).toEqual(["late-0"]);
  });

  it("is one running job a package, until its strategy is canceled; the tasks go on", () => {
    const { service, asked, dynamic, devices, register, jobOf, states } = newDynamic(1);
    expect(service.codeOf("CreateOTADynamicUpgradeJob", asked)).toBe("iot.system.IllegalRequest");
    service.call("CancelOTAStrategyByJob", { JobId: dynamic });
    register("late-0");
    expect(devices()).toEqual(["light-0"]);
    expect(states(dynamic)).toEqual(["QUEUED"]);
    expect(jobOf(dynamic)).toMatchObject({ JobStatus: "CANCELED", SelectionType: "DYNAMIC" });
    expect(service.codeOf("CancelOTAStrategyByJob", { JobId: dynamic })).toBe("iot.ota.JobHasCanceled");
    expect(service.codeOf("CreateOTADynamicUpgradeJob", asked)).toBeUndefined();
  });
});
