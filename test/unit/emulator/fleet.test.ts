import { describe, expect, it } from "vitest";
import { Fleet } from "../../../src/emulator/fleet.js";
import { seededName } from "../../../src/emulator/seeded-name.js";
import { CANCELABLE, TASK_STATES, type TaskState } from "../../../src/emulator/task-state.js";

const keys = { productKey: "pk", firmwareId: "fw", jobId: "job" };

function fleetIn(...states: TaskState[]): Fleet {
  return new Fleet({ ...keys, devices: states.length, taskState: (index) => states[index] ?? "QUEUED" });
}

describe("Fleet", () => {
  it.each(["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"] as const)("cancels a task that is %s", (state) => {
    const fleet = fleetIn(state);
    fleet.cancel(seededName(0));
    expect(fleet.taskOf(seededName(0))).toBe("CANCELED");
    expect(fleet.counts()).toMatchObject({ devicesCanceled: 1, repeatedCancels: 0 });
  });

  it.each(["SUCCEEDED", "FAILED"] as const)("leaves a task that is %s as it is", (state) => {
    const fleet = fleetIn(state);
    fleet.cancel(seededName(0));
    expect(fleet.taskOf(seededName(0))).toBe(state);
    expect(fleet.counts()).toMatchObject({ devicesCanceled: 0, repeatedCancels: 0 });
  });

  it("counts a cancel of what is canceled already as a repetition", () => {
    const fleet = fleetIn("QUEUED");
    fleet.cancel(seededName(0));
    fleet.cancel(seededName(0));
    expect(fleet.counts()).toMatchObject({ devicesCanceled: 1, repeatedCancels: 1 });
  });

  it("changes nothing for a device that does not exist", () => {
    const fleet = fleetIn("QUEUED");
    fleet.cancel(seededName(1));
    expect(fleet.has(seededName(1))).toBe(false);
    expect(fleet.taskOf(seededName(1))).toBeUndefined();
    expect(fleet.counts().tasks.QUEUED).toBe(1);
  });

  it("counts tasks by state through every transition", () => {
    const fleet = fleetIn(...TASK_STATES, "QUEUED");
    for (const index of TASK_STATES.keys()) fleet.cancel(seededName(index));
    const cancelable = TASK_STATES.filter((state) => CANCELABLE[state]).length;
    expect(fleet.counts().tasks).toEqual({
      CONFIRM: 0,
      QUEUED: 1,
      NOTIFIED: 0,
      IN_PROGRESS: 0,
      SUCCEEDED: 1,
      FAILED: 1,
      CANCELED: cancelable + 1,
    });
  });

  it("seeds names of the length asked for", () => {
    const fleet = new Fleet({ ...keys, devices: 2, nameLength: 32, taskState: () => "QUEUED" });
    expect(fleet.has(seededName(1, 32))).toBe(true);
    expect(fleet.has(seededName(1))).toBe(false);
  });
});

describe("seededName", () => {
  it("numbers devices with seven digits", () => {
    expect(seededName(0)).toBe("device-0000000");
    expect(seededName(999_999)).toBe("device-0999999");
  });

  it("pads in front up to the length, within the grammar of device names", () => {
    expect(seededName(7, 32)).toBe("emulated-emulated-device-0000007");
    expect(seededName(7, 20)).toMatch(/^[\w-]{6}device-0000007$/);
  });
});
