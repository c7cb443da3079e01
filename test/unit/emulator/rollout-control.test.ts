import { describe, expect, it } from "vitest";
import { createRollout, jobReadings, type RolloutSpec, readRollout } from "../../../src/emulator/rollout-control.js";
import { newService } from "./service.js";

const SECOND_MS = 1000;

function start(spec: RolloutSpec, options: Parameters<typeof newService>[0] = {}) {
  const service = newService(options);
  const { jobId } = createRollout(service.platform, spec, service.settings);
  const job = () => jobReadings(service.platform).find((each) => each.jobId === jobId);
  return { ...service, jobId, job };
}

describe("createRollout", () => {
  it("registers devices of its own, with tasks in the states asked for", () => {
    const { job, taskOf } = start(
      { devices: 10, states: { CONFIRM: 1, NOTIFIED: 2, IN_PROGRESS: 1, SUCCEEDED: 1, FAILED: 1 } },
      { devices: 3 },
    );
    expect(job()).toMatchObject({
      status: "IN_PROGRESS",
      isOpenToDevices: false,
      tasks: { CONFIRM: 1, QUEUED: 4, NOTIFIED: 2, IN_PROGRESS: 1, SUCCEEDED: 1, FAILED: 1, CANCELED: 0 },
    });
    expect([taskOf("device-0000002"), taskOf("device-0000003")]).toEqual(["QUEUED", "CONFIRM"]);
  });

  it("creates a product and a package that do not exist", () => {
    const { job, call } = start({ productKey: "a1Other", firmwareId: "OtherFirmware", devices: 1 });
    expect(job()).toMatchObject({ productKey: "a1Other", firmwareId: "OtherFirmware" });
    expect(call("ListOTAJobByFirmware", { FirmwareId: "OtherFirmware", CurrentPage: 1, PageSize: 10 })).toMatchObject({
      Total: 1,
    });
  });

  it("plans a job until its time", async () => {
    const { job, clock } = start({ devices: 1, startsInMs: 5 * SECOND_MS });
    expect(job()?.status).toBe("PLANNED");
    await clock.advance(5 * SECOND_MS);
    expect(job()?.status).toBe("IN_PROGRESS");
  });

  it("lets devices join a dynamic job each second until it is closed", async () => {
    const { job, clock, call, jobId } = start({ kind: "dynamic", devices: 2, joinsPerSecond: 3 });
    await clock.advance(2 * SECOND_MS);
    expect(job()?.tasks.QUEUED).toBe(8);
    call("CancelOTAStrategyByJob", { JobId: jobId });
    await clock.advance(10 * SECOND_MS);
    expect(job()).toMatchObject({ isOpenToDevices: false, tasks: { QUEUED: 8 } });
  });

  it("simulates devices that begin as notified", async () => {
    const options = { simulate: true, updateSeconds: 2, failureRate: 0 };
    const { job, clock } = start({ devices: 4, states: { NOTIFIED: 2 }, maximumPerMinute: 10 }, options);
    await clock.advance(4 * SECOND_MS);
    expect(job()?.tasks).toMatchObject({ SUCCEEDED: 2, QUEUED: 2 });
  });

  it("runs a task again that waits for a retry, unless it is canceled", async () => {
    const options = { simulate: true, updateSeconds: 1, failureRate: 1 };
    const spec = { devices: 2, states: { IN_PROGRESS: 2 }, retryInterval: 10, retryCount: 1 } as const;
    const { job, clock, call, jobId, platform } = start(spec, options);
    await clock.advance(10 * SECOND_MS);
    expect(job()?.tasks.IN_PROGRESS).toBe(2);
    call("CancelOTATaskByDevice", {
      ...{ ProductKey: "a1EmulatorPk", FirmwareId: "EmulatedFirmware0000030100", JobId: jobId },
      DeviceName: [platform.devices.nameOf(0)],
    });
    await clock.advance(620 * SECOND_MS);
    expect(job()?.tasks).toMatchObject({ CANCELED: 1, FAILED: 1 });
  });

  it("refuses what does not fit what is there", () => {
    const service = newService();
    const { settings, platform } = service;
    const create = (spec: RolloutSpec) => () => createRollout(platform, spec, settings);
    create({ kind: "dynamic" })();
    expect(create({ kind: "dynamic" })).toThrow("another dynamic job of this package is open");
    expect(create({ jobId: settings.jobId })).toThrow("jobId: exists already");
    expect(create({ productKey: "a1Other" })).toThrow("firmwareId: is a package of another product");
    // Were taken: tasks beyond the devices were left out, and a dynamic job was planned, which only static ones can be.
    expect(create({ devices: 3, states: { NOTIFIED: 2, FAILED: 2 } })).toThrow("states: 4 tasks, but 3 devices");
    expect(create({ kind: "dynamic", startsInMs: 5000 })).toThrow("startsInMs: is for static jobs only");
  });
});

describe("readRollout", () => {
  it("reports every mistake at once", () => {
    const json = { kind: "gray", devices: -1, states: { DONE: 1, QUEUED: 0.5 }, joins: 1 };
    expect(() => readRollout(json)).toThrow(
      /joins: is unknown.*states\.DONE: is unknown.*kind: must be one of.*devices: must be.*states\.QUEUED/s,
    );
  });
});
