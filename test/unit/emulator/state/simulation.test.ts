import { describe, expect, it } from "vitest";
import type { EmulatorOptions } from "../../../../src/emulator/options.js";
import { type Asked, newFleet, newJob, newService, tasksOf } from "../service.js";

const SECOND_MS = 1000;

function newRollout(devices: number, options: EmulatorOptions = {}, more: Asked = {}) {
  const service = newService({ simulate: true, updateSeconds: 10, failureRate: 0, ...options });
  const fleet = newFleet(service, devices);
  const JobId = newJob(service, fleet, more);
  const counts = () => {
    service.platform.timeline.settle();
    return service.platform.jobs.get(JobId)?.counts;
  };
  return { service, fleet, JobId, counts };
}

describe("simulateDevices", () => {
  it("brings every task of a rollout to success, and the devices to the new version", async () => {
    const { service, JobId, counts } = newRollout(50);
    await service.clock.advance(17 * SECOND_MS);
    expect(counts()).toMatchObject({ SUCCEEDED: 50, QUEUED: 0, IN_PROGRESS: 0 });
    expect(service.platform.devices.versionOf(0, "default")).toBe("1.1.0");
    expect(service.platform.jobs.get(JobId)?.status).toBe("COMPLETED");
  });

  it("shows progress on the way", async () => {
    const { service, JobId } = newRollout(50);
    await service.clock.advance(6 * SECOND_MS);
    service.platform.timeline.settle();
    const states = new Set(tasksOf(service, JobId).map(({ TaskStatus }) => TaskStatus));
    expect([...states]).toEqual(["IN_PROGRESS"]);
    const progress = new Set(tasksOf(service, JobId).map(({ Progress }) => Progress));
    expect([...progress].sort()).toEqual(expect.arrayContaining(["25.00", "50.00"]));
  });

  it.each([10, 60, 90, 600])("pushes no more than %i a minute, if that is what the job allows", async (perMinute) => {
    const { service, counts } = newRollout(100, {}, { MaximumPerMinute: perMinute });
    for (let second = 1; second <= 60; second++) {
      await service.clock.advance(SECOND_MS);
      expect(100 - (counts()?.QUEUED ?? 0)).toBe(Math.min(100, Math.floor((perMinute * second) / 60)));
    }
  });

  it("lets the part fail that it was told", async () => {
    const { service, counts } = newRollout(500, { failureRate: 0.2 });
    await service.clock.advance(30 * SECOND_MS);
    expect(counts()?.FAILED).toBeGreaterThan(60);
    expect(counts()?.FAILED).toBeLessThan(140);
    expect((counts()?.FAILED ?? 0) + (counts()?.SUCCEEDED ?? 0)).toBe(500);
  });

  it("leaves alone what was canceled on the way, and waits for what needs a word", async () => {
    const { service, JobId, counts } = newRollout(20, {}, { NeedConfirm: true });
    await service.clock.advance(30 * SECOND_MS);
    expect(counts()).toMatchObject({ CONFIRM: 20 });
    service.call("ConfirmOTATask", {
      TaskId: tasksOf(service, JobId)
        .slice(0, 10)
        .map(({ TaskId }) => TaskId),
    });
    await service.clock.advance(4 * SECOND_MS);
    service.call("CancelOTATaskByJob", { JobId, CancelInProgressTask: true, CancelNotifiedTask: true });
    await service.clock.advance(30 * SECOND_MS);
    expect(counts()).toMatchObject({ CONFIRM: 10, CANCELED: 10, SUCCEEDED: 0 });
  });

  it.each(["stays-canceled", "becomes-succeeded"] as const)(
    "does not tell devices of a cancel: they install the package, and the task %s",
    async (lateSuccess) => {
      const { service, JobId, counts } = newRollout(5, { lateSuccess });
      await service.clock.advance(4 * SECOND_MS);
      service.call("CancelOTATaskByJob", { JobId, CancelInProgressTask: true, CancelNotifiedTask: true });
      expect(counts()).toMatchObject({ CANCELED: 5 });
      await service.clock.advance(30 * SECOND_MS);
      expect(counts()).toMatchObject(lateSuccess === "stays-canceled" ? { CANCELED: 5 } : { SUCCEEDED: 5 });
      expect(service.platform.devices.versionOf(0, "default")).toBe("1.1.0");
    },
  );

  it("plays a task that runs again from the start, and nothing of its earlier run", async () => {
    const { service, fleet, JobId } = newRollout(1, { random: () => 0.5, updateSeconds: 100 });
    await service.clock.advance(40 * SECOND_MS);
    service.call("CancelOTATaskByDevice", { ...fleet, names: [], DeviceName: fleet.names });
    const [task] = tasksOf(service, JobId);
    service.call("ReupgradeOTATask", { JobId, TaskId: [task?.TaskId as string] });
    expect(tasksOf(service, JobId)).toMatchObject([{ TaskStatus: "QUEUED", Progress: "0.00" }]);
    // The first run would have been over a second after 100, the second is pushed at 41.
    await service.clock.advance(65 * SECOND_MS);
    service.platform.timeline.settle();
    expect(tasksOf(service, JobId)).toMatchObject([{ TaskStatus: "IN_PROGRESS", Progress: "50.00" }]);
    await service.clock.advance(36 * SECOND_MS);
    service.platform.timeline.settle();
    expect(tasksOf(service, JobId)).toMatchObject([{ TaskStatus: "SUCCEEDED" }]);
  });

  it("spends no push on a task that was canceled while it waited", async () => {
    const { service, fleet, counts } = newRollout(100, {}, { MaximumPerMinute: 60 });
    service.call("CancelOTATaskByDevice", { ...fleet, names: [], DeviceName: fleet.names.slice(0, 50) });
    await service.clock.advance(10 * SECOND_MS);
    expect(counts()).toMatchObject({ CANCELED: 50, QUEUED: 40 });
  });

  it("tries again after RetryInterval what fails, as often as RetryCount says", async () => {
    const { service, counts } = newRollout(
      1,
      { failureRate: 1 },
      { SrcVersion: ["1.0.0"], RetryInterval: 10, RetryCount: 1 },
    );
    await service.clock.advance(20 * SECOND_MS);
    expect(counts()).toMatchObject({ IN_PROGRESS: 1 });
    await service.clock.advance(620 * SECOND_MS);
    expect(counts()).toMatchObject({ FAILED: 1 });
  });

  it("begins a scheduled job when it is due", async () => {
    const ScheduleTime = newService().clock.wallNow() + 600 * SECOND_MS;
    const { service, counts } = newRollout(5, {}, { ScheduleTime });
    await service.clock.advance(599 * SECOND_MS);
    expect(counts()).toMatchObject({ QUEUED: 5 });
    await service.clock.advance(20 * SECOND_MS);
    expect(counts()).toMatchObject({ SUCCEEDED: 5 });
  });

  it("repeats by its seed what each device does, whatever happens to the others (was: all that came after differed)", async () => {
    const seen = async (canceled: number) => {
      const { service, fleet, JobId } = newRollout(100, { seed: 7, failureRate: 0.5 });
      const DeviceName = fleet.names.slice(0, canceled);
      if (canceled > 0) service.call("CancelOTATaskByDevice", { ...fleet, names: [], DeviceName });
      const shown = [];
      for (const seconds of [6, 14]) {
        await service.clock.advance(seconds * SECOND_MS);
        service.platform.timeline.settle();
        shown.push(...tasksOf(service, JobId).slice(50));
      }
      return shown.map(({ TaskStatus, Progress }) => `${TaskStatus} ${Progress}`);
    };
    const undisturbed = await seen(0);
    expect(new Set(undisturbed).size).toBeGreaterThan(3);
    expect(await seen(50)).toEqual(undisturbed);
  });

  it("moves the seeded fleet as well", async () => {
    const service = newService({ simulate: true, devices: 3, updateSeconds: 1, failureRate: 0 });
    await service.clock.advance(5 * SECOND_MS);
    expect(service.taskOf("device-0000000")).toBe("SUCCEEDED");
  });
});
