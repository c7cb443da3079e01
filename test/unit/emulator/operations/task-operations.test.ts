import { describe, expect, it } from "vitest";
import type { EmulatorOptions } from "../../../../src/emulator/options.js";
import { createRollout, jobReadings } from "../../../../src/emulator/rollout-control.js";
import { type Asked, newFirmware, newFleet, newJob, newService, tasksOf } from "../service.js";

const MINUTE_MS = 60_000;

function newRollout(devices: number, more: Asked = {}, options: EmulatorOptions = {}) {
  const service = newService(options);
  const fleet = newFleet(service, devices);
  const JobId = newJob(service, fleet, more);
  const ids = () => tasksOf(service, JobId).map(({ TaskId }) => TaskId);
  const states = () => tasksOf(service, JobId).map(({ TaskStatus }) => TaskStatus);
  const report = (deviceName: string, progress: number) =>
    service.report({ productKey: fleet.ProductKey, deviceName, progress });
  const jobStatus = () => (service.call("QueryOTAJob", { JobId })["Data"] as { JobStatus: string }).JobStatus;
  return { service, ...service, fleet, JobId, ids, states, report, jobStatus };
}

describe("confirmOtaTask", () => {
  it("queues up to ten tasks that wait for it", () => {
    const { call, ids, states, codeOf } = newRollout(11, { NeedConfirm: true });
    call("ConfirmOTATask", { TaskId: ids().slice(0, 10) });
    expect(states()).toEqual([...Array(10).fill("QUEUED"), "CONFIRM"]);
    expect(codeOf("ConfirmOTATask", { TaskId: ids() })).toBe("iot.ota.TooManyOtaTask");
  });

  it("confirms none if one of them is no such task, or waits for nothing", () => {
    const { call, ids, states, codeOf } = newRollout(2, { NeedConfirm: true });
    const [first, second] = ids() as [string, string];
    expect(codeOf("ConfirmOTATask", { TaskId: [first, "y3tOmCDNgpR8F9jnVEzC01****"] })).toBe("iot.ota.InvalidTaskId");
    expect(states()).toEqual(["CONFIRM", "CONFIRM"]);
    call("ConfirmOTATask", { TaskId: [first] });
    expect(codeOf("ConfirmOTATask", { TaskId: [second, first] })).toBe("iot.ota.InvalidTaskExist");
    expect(states()).toEqual(["QUEUED", "CONFIRM"]);
  });

  it("confirms those of a scheduled job only inside its window", async () => {
    const ScheduleTime = newService().clock.wallNow() + 10 * MINUTE_MS;
    const { clock, ids, codeOf } = newRollout(2, {
      NeedConfirm: true,
      ScheduleTime,
      ScheduleFinishTime: ScheduleTime + 60 * MINUTE_MS,
    });
    const [first = "", second = ""] = ids();
    expect(codeOf("ConfirmOTATask", { TaskId: [first] })).toBe("iot.ota.InvalidTaskExist");
    await clock.advance(10 * MINUTE_MS);
    expect(codeOf("ConfirmOTATask", { TaskId: [first] })).toBeUndefined();
    await clock.advance(61 * MINUTE_MS);
    expect(codeOf("ConfirmOTATask", { TaskId: [second] })).toBe("iot.ota.InvalidTaskExist");
  });
});

describe("reupgradeOtaTask", () => {
  it("queues tasks again that failed or were canceled, and reopens their job", () => {
    const { call, fleet, JobId, ids, states, report, jobStatus } = newRollout(2);
    report("light-0", -1);
    call("CancelOTATaskByDevice", { ...fleet, names: [], DeviceName: ["light-1"] });
    expect([states(), jobStatus()]).toEqual([["FAILED", "CANCELED"], "COMPLETED"]);
    call("ReupgradeOTATask", { JobId, TaskId: ids() });
    expect([states(), jobStatus()]).toEqual([["QUEUED", "QUEUED"], "IN_PROGRESS"]);
  });

  it("refuses with its documented codes, and then changes nothing", () => {
    const { service, call, codeOf, fleet, JobId, ids, states, report } = newRollout(2);
    const refused = (TaskId: string[], job = JobId) => codeOf("ReupgradeOTATask", { JobId: job, TaskId });
    const [first = "", second = ""] = ids();
    expect(refused([first])).toBe("iot.ota.FailedTaskNotFound");
    report("light-0", -1);
    expect(refused([first, second])).toBe("iot.ota.InvalidTaskExist");
    expect(refused([first], "no-job")).toBe("iot.ota.InvalidJobId");
    expect(refused(["no-task"])).toBe("iot.ota.InvalidTaskId");
    expect(refused(Array.from({ length: 11 }, () => first))).toBe("iot.ota.TooManyOtaTask");
    const other = newJob(service, fleet);
    expect(refused([first], other)).toBe("iot.ota.UnmatchedJob");
    // The device took up a task of the other job, and can have no second one.
    expect(refused([first])).toBe("iot.ota.DeviceNotReUpgraded");
    expect(states()).toEqual(["FAILED", "QUEUED"]);
    call("DeleteDevice", { ProductKey: fleet.ProductKey, DeviceName: "light-0" });
    expect(refused([first])).toBe("iot.ota.DeviceNotExist");
    call("CancelOTATaskByJob", { JobId, CancelQueuedTask: true });
    expect(refused([second])).toBe("iot.ota.JobCanceled");
  });

  it("wants tasks confirmed that need it", () => {
    const { call, codeOf, fleet, JobId, ids } = newRollout(2, { NeedConfirm: true });
    const [first = "", second = ""] = ids();
    call("ConfirmOTATask", { TaskId: [first] });
    call("CancelOTATaskByDevice", { ...fleet, names: [], DeviceName: fleet.names });
    expect(codeOf("ReupgradeOTATask", { JobId, TaskId: [second] })).toBe("iot.ota.DeviceNotReUpgraded");
    expect(codeOf("ReupgradeOTATask", { JobId, TaskId: [first] })).toBeUndefined();
  });
});

describe("cancelOtaTaskByJob", () => {
  it.each([
    { asked: { CancelQueuedTask: true }, left: ["CANCELED", "CANCELED", "IN_PROGRESS"] },
    { asked: { CancelQueuedTask: true, CancelUnconfirmedTask: false }, left: ["CONFIRM", "CANCELED", "IN_PROGRESS"] },
    { asked: { CancelUnconfirmedTask: true }, left: ["CANCELED", "QUEUED", "IN_PROGRESS"] },
    { asked: { CancelInProgressTask: true }, left: ["CONFIRM", "QUEUED", "CANCELED"] },
    { asked: { CancelNotifiedTask: true }, left: ["CONFIRM", "QUEUED", "IN_PROGRESS"] },
    { asked: { CancelScheduledTask: true }, left: ["CONFIRM", "QUEUED", "IN_PROGRESS"] },
  ])("with $asked leaves $left", ({ asked, left }) => {
    const { call, JobId, ids, states, report } = newRollout(3, { NeedConfirm: true });
    call("ConfirmOTATask", { TaskId: ids().slice(1) });
    report("light-2", 50);
    call("CancelOTATaskByJob", { JobId, ...asked });
    expect(states()).toEqual(left);
  });

  it("refuses to go without a word on what to cancel, and for a job that does not exist", () => {
    const { codeOf, JobId } = newRollout(1);
    expect(codeOf("CancelOTATaskByJob", { JobId })).toBe("MissingCancelQueuedTask");
    expect(codeOf("CancelOTATaskByJob", { JobId: "other", CancelQueuedTask: true })).toBe("iot.ota.InvalidJobId");
  });

  it("cancels a job of which nothing is left, but not one that had nothing left", () => {
    const { call, JobId, states, jobStatus, report } = newRollout(1);
    report("light-0", -1);
    call("CancelOTATaskByJob", { JobId, CancelQueuedTask: true });
    expect([states(), jobStatus()]).toEqual([["FAILED"], "COMPLETED"]);
  });

  it.each([
    { plannedTasks: "scheduled-or-queued", byScheduled: "CANCELED", byQueued: "CANCELED" },
    { plannedTasks: "scheduled", byScheduled: "CANCELED", byQueued: "QUEUED" },
    { plannedTasks: "queued", byScheduled: "QUEUED", byQueued: "CANCELED" },
  ] as const)("reaches the tasks of a planned job by $plannedTasks", ({ plannedTasks, byScheduled, byQueued }) => {
    const ScheduleTime = newService().clock.wallNow() + 10 * MINUTE_MS;
    const left = (asked: Asked) => {
      const { call, JobId, states } = newRollout(1, { ScheduleTime }, { plannedTasks });
      call("CancelOTATaskByJob", { JobId, ...asked });
      return states();
    };
    expect(left({ CancelScheduledTask: true })).toEqual([byScheduled]);
    expect(left({ CancelQueuedTask: true })).toEqual([byQueued]);
  });

  it("reaches the scheduled tasks of a job that has started only if that is chosen", async () => {
    for (const scheduledFlag of ["planned-only", "whole-job"] as const) {
      const ScheduleTime = newService().clock.wallNow() + 10 * MINUTE_MS;
      const { call, clock, JobId, states } = newRollout(1, { ScheduleTime }, { scheduledFlag });
      await clock.advance(11 * MINUTE_MS);
      call("CancelOTATaskByJob", { JobId, CancelScheduledTask: true });
      expect(states()).toEqual([scheduledFlag === "whole-job" ? "CANCELED" : "QUEUED"]);
    }
  });

  it.each(["CANCELED", "COMPLETED", "unchanged"] as const)("leaves an emptied static job %s", (emptiedJob) => {
    const { call, JobId, states, jobStatus } = newRollout(1, {}, { emptiedJob });
    call("CancelOTATaskByJob", { JobId, CancelQueuedTask: true });
    expect([states(), jobStatus()]).toEqual([["CANCELED"], emptiedJob === "unchanged" ? "IN_PROGRESS" : emptiedJob]);
  });

  it("takes five flags that are all false, or refuses them like none", () => {
    const flags = ["Scheduled", "Queued", "InProgress", "Notified", "Unconfirmed"];
    const none = Object.fromEntries(flags.map((each) => [`Cancel${each}Task`, false]));
    const ignoring = newRollout(1);
    expect(ignoring.codeOf("CancelOTATaskByJob", { JobId: ignoring.JobId, ...none })).toBeUndefined();
    expect(ignoring.states()).toEqual(["QUEUED"]);
    const rejecting = newRollout(1, {}, { allFlagsFalse: "reject", missingFlags: "iot.system.IllegalRequest" });
    expect(rejecting.codeOf("CancelOTATaskByJob", { JobId: rejecting.JobId, ...none })).toBe(
      "iot.system.IllegalRequest",
    );
  });

  it("works on a canceled job and on a verification, or refuses them", () => {
    const service = newService({ canceledJob: "reject", verifyJob: "reject" });
    const { jobId: verification } = createRollout(service.platform, { kind: "verify", devices: 2 }, service.settings);
    const asked = { JobId: verification, CancelQueuedTask: true };
    expect(service.codeOf("CancelOTATaskByJob", asked)).toBe("iot.ota.InvalidJobId");
    const { jobId: dynamic } = createRollout(service.platform, { kind: "dynamic", devices: 2 }, service.settings);
    service.call("CancelOTAStrategyByJob", { JobId: dynamic });
    expect(service.codeOf("CancelOTATaskByJob", { ...asked, JobId: dynamic })).toBe("iot.ota.JobCanceled");
    const working = newService();
    const { jobId } = createRollout(working.platform, { kind: "dynamic", devices: 2 }, working.settings);
    working.call("CancelOTAStrategyByJob", { JobId: jobId });
    working.call("CancelOTATaskByJob", { ...asked, JobId: jobId });
    expect(jobReadings(working.platform).at(-1)?.tasks).toMatchObject({ QUEUED: 0, CANCELED: 2 });
  });

  it("is applied some time after its arrival, whole or in portions", async () => {
    const canceledAfter = async (byJobApplied: "whole" | "in-portions", ms: number) => {
      const { call, clock, JobId, states } = newRollout(10, {}, { byJobDelayMs: 1500, byJobApplied });
      call("CancelOTATaskByJob", { JobId, CancelQueuedTask: true });
      await clock.advance(ms);
      return states().filter((state) => state === "CANCELED").length;
    };
    expect(await canceledAfter("whole", 1499)).toBe(0);
    expect(await canceledAfter("whole", 1500)).toBe(10);
    expect(await canceledAfter("in-portions", 760)).toBe(5);
    expect(await canceledAfter("in-portions", 1500)).toBe(10);
  });
});

describe("cancelOtaStrategyByJob", () => {
  it("ignores other jobs and repeats, if that is chosen", () => {
    const service = newService({ strategyOfStatic: "ignore", strategyOfClosed: "ignore" });
    const { jobId: JobId } = createRollout(service.platform, { kind: "dynamic", devices: 1 }, service.settings);
    for (const job of [JobId, JobId, service.settings.jobId]) {
      expect(service.codeOf("CancelOTAStrategyByJob", { JobId: job })).toBeUndefined();
    }
    expect(jobReadings(service.platform).map(({ isOpenToDevices }) => isOpenToDevices)).toEqual([false, false]);
  });

  it("hands devices to another dynamic job that matches them, if that is chosen", () => {
    for (const olderDynamicJob of ["stays-out", "takes-over"] as const) {
      const service = newService({ olderDynamicJob });
      const { productKey, firmwareId } = service.settings;
      const older = { kind: "dynamic", firmwareId: "OlderFirmware" } as const;
      createRollout(service.platform, older, service.settings);
      const newer = createRollout(service.platform, { kind: "dynamic", devices: 1, productKey }, service.settings);
      service.call("CancelOTAStrategyByJob", { JobId: newer.jobId });
      service.call("CancelOTATaskByJob", { JobId: newer.jobId, CancelQueuedTask: true });
      const taken = jobReadings(service.platform).find((job) => job.firmwareId !== firmwareId);
      expect(taken?.tasks.QUEUED).toBe(olderDynamicJob === "takes-over" ? 1 : 0);
    }
  });

  it("is for dynamic jobs", () => {
    const { codeOf, JobId } = newRollout(1);
    expect(codeOf("CancelOTAStrategyByJob", { JobId })).toBe("iot.ota.noDynamicJob");
  });
});

describe("createOtaStaticUpgradeJob", () => {
  const now = newService().clock.wallNow();

  it.each<[asked: Asked, code: string]>([
    [{ TargetSelection: "SOME" }, "InvalidTargetSelection"],
    [{ TargetSelection: "SPECIFIC" }, "MissingTargetDeviceName"],
    [{ TargetSelection: "SPECIFIC", DnListFileUrl: "https://example.invalid/list" }, "InvalidDnListFileUrl"],
    [{ TargetSelection: "SPECIFIC", TargetDeviceName: ["nobody"] }, "iot.device.NotExistedDevice"],
    [
      { TargetSelection: "SPECIFIC", TargetDeviceName: ["a b c d"] },
      "iot.device.InvalidFormattedDeviceNameInNameArray",
    ],
    [{ TargetSelection: "GRAY" }, "MissingGrayPercent"],
    [{ TargetSelection: "GRAY", GrayPercent: "100.01" }, "InvalidGrayPercent"],
    [{ TargetSelection: "GROUP", GroupId: "g" }, "InvalidGroupId"],
    [{ RetryInterval: 5 }, "InvalidRetryInterval"],
    [{ RetryCount: 3 }, "InvalidRetryCount"],
    [{ RetryInterval: 60, TimeoutInMinutes: 60 }, "InvalidRetryInterval"],
    [{ TimeoutInMinutes: 1441 }, "InvalidTimeoutInMinutes"],
    [{ MaximumPerMinute: 9 }, "InvalidMaximumPerMinute"],
    [{ MaximumPerMinute: 10_001 }, "InvalidMaximumPerMinute"],
    [{ OverwriteMode: 3 }, "InvalidOverwriteMode"],
    [{ NeedConfirm: "yes" }, "InvalidNeedConfirm"],
    [{ DownloadProtocol: "FTP" }, "InvalidDownloadProtocol"],
    [{ ScheduleTime: now + 4 * MINUTE_MS }, "InvalidScheduleTime"],
    [{ ScheduleTime: now + 8 * 86_400_000 }, "InvalidScheduleTime"],
    [{ ScheduleTime: 1_577_808_000 }, "InvalidScheduleTime"],
    [{ ScheduleTime: now + 10 * MINUTE_MS, ScheduleFinishTime: now + 60 * MINUTE_MS }, "InvalidScheduleFinishTime"],
    [{ Tag: Array.from({ length: 21 }, () => ({ Key: "k", Value: "v" })) }, "InvalidTag"],
    [{ ProductKey: "other" }, "iot.prod.NotExistedProduct"],
    [{ FirmwareId: "other" }, "iot.ota.FirmwareNotFound"],
  ])("refuses %o with %s", (asked, code) => {
    const service = newService();
    const { ProductKey, FirmwareId } = newFleet(service, 2);
    expect(
      service.codeOf("CreateOTAStaticUpgradeJob", { ProductKey, FirmwareId, TargetSelection: "ALL", ...asked }),
    ).toBe(code);
  });

  it("refuses a package of another product, or one that is not verified; so does a dynamic job", () => {
    const service = newService();
    const { ProductKey } = newFleet(service, 1);
    const other = newFleet(service, 0);
    for (const [action, more] of [
      ["CreateOTAStaticUpgradeJob", { TargetSelection: "ALL" }],
      ["CreateOTADynamicUpgradeJob", { SrcVersion: ["1.0.0"] }],
    ] as const) {
      const refusal = (FirmwareId: string) => service.codeOf(action, { ProductKey, FirmwareId, ...more });
      expect(refusal(other.FirmwareId)).toBe("iot.ota.FirmwareAndProductKeyMismatch");
      expect(refusal(newFirmware(service, { ProductKey }))).toBe("iot.ota.FirmwareNotVerified");
      expect(refusal(newFirmware(service, { NeedToVerify: false }))).toBeUndefined();
    }
  });

  it("remembers all that it was given", () => {
    const given = {
      TimeoutInMinutes: 30,
      MaximumPerMinute: 100,
      RetryInterval: 10,
      RetryCount: 2,
      OverwriteMode: 2,
      NeedPush: false,
      NeedConfirm: true,
      MultiModuleMode: true,
      DownloadProtocol: "MQTT",
    };
    const { call, JobId, fleet } = newRollout(1, { ...given, SrcVersion: ["1.0.0"], Tag: [{ Key: "k", Value: "v" }] });
    expect(call("QueryOTAJob", { JobId })["Data"]).toMatchObject({
      ...given,
      JobId,
      ProductKey: fleet.ProductKey,
      FirmwareId: fleet.FirmwareId,
      JobType: "UPGRADE_FIRMWARE",
      SelectionType: "STATIC",
      SrcVersions: { SrcVersion: ["1.0.0"] },
      Tags: { OtaTagDTO: [{ Key: "k", Value: "v" }] },
    });
  });
});

describe("createOtaFirmware", () => {
  it.each<[asked: Asked, code: string]>([
    [{ FirmwareName: "-name" }, "iot.firmware.IncorrectFormattedFirmwareName"],
    [{ FirmwareName: "n".repeat(41) }, "iot.firmware.IncorrectFormattedFirmwareName"],
    [{ DestVersion: "v 1" }, "InvalidDestVersion"],
    [{ Type: 1 }, "InvalidSrcVersion"],
    [{ Type: 1, SrcVersion: "9.9.9" }, "InvalidSrcVersion"],
    [{ Type: 2 }, "InvalidType"],
    [{ ProductKey: "other" }, "iot.prod.NotExistedProduct"],
    [{ ModuleName: "wi fi" }, "iot.ota.InvalidOtaModuleName"],
    [{ MultiFiles: [{ Name: "f", Size: "big" }] }, "InvalidMultiFiles"],
    [{ FirmwareName: "taken" }, "iot.firmware.AlreadyExistedFirmwareName"],
  ])("refuses %o with %s", (asked, code) => {
    const service = newService();
    newFirmware(service, { FirmwareName: "taken" });
    expect(service.codeOf("CreateOTAFirmware", { FirmwareName: "free", DestVersion: "9.9.9", ...asked })).toBe(code);
  });

  it("refuses a package beyond the 500 that an account may have", () => {
    const service = newService();
    // One is seeded.
    for (let index = 1; index < 500; index++) newFirmware(service);
    expect(service.codeOf("CreateOTAFirmware", { FirmwareName: "last", DestVersion: "1.0.0" })).toBe(
      "iot.system.IllegalRequest",
    );
  });

  it("gives back what it was given", () => {
    const service = newService();
    const given = { FirmwareDesc: "text", FirmwareUrl: "https://example.invalid/f", FirmwareSize: 900, Udi: "{}" };
    const FirmwareId = newFirmware(service, { ...given, MultiFiles: [{ Name: "f", Size: "3" }] });
    expect(service.call("QueryOTAFirmware", { FirmwareId })["FirmwareInfo"]).toMatchObject({
      ...given,
      Status: 0,
      Type: 0,
      ModuleName: "default",
      MultiFiles: [{ Name: "f", Size: 3 }],
    });
  });
});
