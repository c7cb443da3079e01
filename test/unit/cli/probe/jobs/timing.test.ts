import { describe, expect, it } from "vitest";
import { appliedOf, delayOf, lagOf, type Read } from "../../../../../src/cli/probe/jobs/timing.js";

/** Readings of a batch of `tasks`, by batch and by device in turns, each with the tasks that are left. */
function readings(tasks: number, ...left: readonly (readonly [job: number, device: number])[]): Read[] {
  return left.flatMap(([job, device], round) => [
    { by: "job", atMs: (2 * round + 1) * 1000, open: job, canceled: tasks - job },
    { by: "device", atMs: (2 * round + 2) * 1000, open: device, canceled: 1 - device },
  ]);
}

describe("delayOf", () => {
  it("is 0 if the first reading shows it", () => {
    expect(delayOf(readings(3, [0, 0]))).toMatchObject({ choice: "0", note: expect.stringMatching(/2\.0 s after/) });
  });

  it("lies between the last reading without it and the first one with it, and is given as the latter", () => {
    const finding = delayOf(readings(3, [3, 1], [3, 1], [0, 0]));
    expect(finding).toMatchObject({ choice: "6000", note: expect.stringMatching(/between 4\.0 s and 6\.0 s/) });
  });

  it("is unknown if the effect never shows", () => {
    expect(delayOf(readings(3, [3, 1], [3, 1]))).not.toHaveProperty("choice");
  });
});

describe("lagOf", () => {
  it("is 0 if the list of the batch may show it as soon as that of the device", () => {
    expect(lagOf(readings(3, [3, 1], [0, 0]))).toMatchObject({ choice: "0" });
    expect(lagOf(readings(3, [3, 0], [0, 0]))).toMatchObject({ choice: "0" });
  });

  it("is at least the time between the two, and is given as the most that it may be", () => {
    const finding = lagOf(readings(3, [3, 1], [3, 0], [3, 0], [0, 0]));
    expect(finding).toMatchObject({ choice: "5000", note: expect.stringMatching(/lags by 1\.0 s to 5\.0 s/) });
  });

  it("is unknown if one list never shows it", () => {
    expect(lagOf(readings(3, [3, 0], [3, 0]))).not.toHaveProperty("choice");
  });
});

describe("appliedOf", () => {
  it("is in portions if one reading shows a part", () => {
    expect(appliedOf(readings(3, [2, 1], [0, 0]), 3).choice).toBe("in-portions");
  });

  it("is as a whole only after two readings that show nothing", () => {
    expect(appliedOf(readings(3, [3, 1], [3, 1], [0, 0]), 3).choice).toBe("whole");
    expect(appliedOf(readings(3, [3, 1], [0, 0]), 3).choice).toBeUndefined();
    expect(appliedOf(readings(3, [0, 0]), 3).choice).toBeUndefined();
  });

  it("is unknown for one task, and for tasks that stay", () => {
    expect(appliedOf(readings(1, [1, 1], [1, 1], [0, 0]), 1).choice).toBeUndefined();
    expect(appliedOf(readings(3, [3, 1], [3, 1]), 3).choice).toBeUndefined();
  });
});
