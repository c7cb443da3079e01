import { describe, expect, it } from "vitest";
import { NONE } from "../../../../src/emulator/state/devices.js";
import { idOf, rowOf } from "../../../../src/emulator/state/ids.js";
import type { Platform } from "../../../../src/emulator/state/platform.js";
import { TASK_STATES, type TaskState, UNFINISHED } from "../../../../src/emulator/state/task-state.js";
import { afterAnyCalls } from "../random-calls.js";

function rowsOf(platform: Platform): number[] {
  const total = Object.values(platform.counts().tasks).reduce((sum, count) => sum + count, 0);
  return Array.from({ length: total }, (_, row) => row);
}

describe("Tasks", () => {
  it("keeps counts that are those of a walk over all tasks, of each job and of all", async () => {
    await afterAnyCalls(({ platform }) => {
      const none = () => Object.fromEntries(TASK_STATES.map((state) => [state, 0])) as Record<TaskState, number>;
      const ofAll = none();
      const byJob = new Map([...platform.jobs.values()].map((job) => [job, none()]));
      for (const row of rowsOf(platform)) {
        const state = platform.tasks.stateOf(row);
        ofAll[state]++;
        (byJob.get(platform.tasks.jobOf(row)) as Record<TaskState, number>)[state]++;
      }
      expect(platform.counts().tasks).toEqual(ofAll);
      expect([...byJob.keys()].map(({ counts }) => counts)).toEqual([...byJob.values()]);
    });
  });

  it("never has two unfinished tasks of one device", async () => {
    await afterAnyCalls(({ platform }) => {
      const unfinished = rowsOf(platform).filter((row) => UNFINISHED[platform.tasks.stateOf(row)]);
      const devices = unfinished.map((row) => platform.tasks.deviceOf(row));
      expect(new Set(devices).size).toBe(devices.length);
    });
  });

  it("has completed a static job just when it has nothing left to do", async () => {
    await afterAnyCalls(({ platform }) => {
      for (const { status, unfinished, traits } of platform.jobs.values()) {
        if (traits.selection === "DYNAMIC") continue;
        if (status === "COMPLETED") expect(unfinished).toBe(0);
        if (status === "IN_PROGRESS") expect(unfinished).toBeGreaterThan(0);
      }
    });
  });

  it("finds every task of a device from its newest one", async () => {
    await afterAnyCalls(({ platform }) => {
      // One assertion for all rows: there are hundreds of thousands of them.
      const found = new Map<number, ReadonlySet<number>>();
      const lost = rowsOf(platform).filter((row) => {
        const device = platform.tasks.deviceOf(row);
        const ofDevice = found.get(device) ?? new Set(platform.tasks.ofDevice(device));
        found.set(device, ofDevice);
        return platform.devices.newestTask(device) === NONE || !ofDevice.has(row);
      });
      expect(lost).toEqual([]);
    });
  });
});

describe("idOf", () => {
  it("is read back by rowOf, and has the shape of the documented samples", () => {
    for (const row of [0, 1, 61, 62, 999_999, 2 ** 32 - 1]) {
      for (const kind of ["firmware", "job", "task", "device"] as const) {
        expect(rowOf(kind, idOf(kind, row))).toBe(row);
      }
    }
    expect(idOf("task", 7)).toMatch(/^[A-Za-z0-9]{20}010200$/);
    expect(idOf("firmware", 7)).toMatch(/^[A-Za-z0-9]{20}030100$/);
  });

  it("is no id of another row, of another kind, or of nothing", () => {
    expect(rowOf("job", idOf("task", 7))).toBeUndefined();
    expect(rowOf("task", idOf("task", 7).replace(/7010200$/, "8010200"))).toBeUndefined();
    for (const text of ["", "T0F5b5tpFnHQrgfk****030100", "x".repeat(26)]) expect(rowOf("task", text)).toBeUndefined();
  });
});
