import { describe, expect, it } from "vitest";
import { readJob, readJobPage, readTaskPage } from "../../../src/upstream/job-answer.js";

const row = (more: object = {}) => ({
  JobId: "job-1",
  JobStatus: "IN_PROGRESS",
  JobType: "UPGRADE_FIRMWARE",
  SelectionType: "DYNAMIC",
  ProductKey: "a1",
  FirmwareId: "f1",
  UtcCreate: "2019-12-28T02:43:10.000Z",
  ...more,
});
const pageOf = (rows: unknown, Total: unknown = 1) => JSON.stringify({ Data: { SimpleOTAJobInfo: rows }, Total });

describe("readJobPage", () => {
  it("reads each batch, and whether there is another page", () => {
    const job = {
      ...{ jobId: "job-1", status: "IN_PROGRESS", kind: "dynamic", productKey: "a1", firmwareId: "f1" },
      created: "2019-12-28T02:43:10.000Z",
    };
    expect(readJobPage(pageOf([row()]), 1, 50)).toEqual({ kind: "jobs", jobs: [job], isLast: true });
    expect(readJobPage(pageOf([row()], 51), 1, 1)).toMatchObject({ isLast: false });
    expect(readJobPage(pageOf([row()], 1), 1, 1)).toMatchObject({ isLast: false });
    expect(readJobPage(pageOf([], 1), 2, 1)).toMatchObject({ jobs: [], isLast: true });
    expect(readJobPage(JSON.stringify({ data: {}, total: 50 }), 2, 50)).toMatchObject({ jobs: [], isLast: true });
    expect(readJobPage(JSON.stringify({ data: {}, total: 51 }), 2, 50)).toBeUndefined();
    expect(readJobPage(JSON.stringify({ data: {}, total: 0 }), 1, 50)).toMatchObject({ jobs: [], isLast: true });
  });

  it("tells kinds apart, with both spellings of a verification, and guesses none", () => {
    const kindOf = (more: object) => {
      const page = readJobPage(pageOf([row(more)]), 1, 50);
      return page?.kind === "jobs" ? page.jobs[0]?.kind : "unread";
    };
    expect(kindOf({ SelectionType: "STATIC" })).toBe("static");
    expect(kindOf({ JobType: "VERIFY_FIRMWARE" })).toBe("verify");
    expect(kindOf({ JobType: "VERFIY_FIRMWARE", SelectionType: undefined })).toBe("verify");
    expect(kindOf({ SelectionType: "OTHER" })).toBeUndefined();
    expect(kindOf({ JobType: undefined })).toBeUndefined();
  });

  it.each([
    ["no JSON", "{"],
    ["a row without an id", pageOf([row({ JobId: "" })])],
    ["a row without a status", pageOf([row(), row({ JobStatus: undefined })])],
    ["no total", pageOf([row()], null)],
    ["no list", JSON.stringify({ Total: 3 })],
  ])("takes %s for no list", (_, body) => {
    expect(readJobPage(body, 1, 50)).toBeUndefined();
  });
});

describe("readJob", () => {
  it("reads one batch", () => {
    expect(readJob(JSON.stringify({ Data: row() }))).toMatchObject({ kind: "job", job: { jobId: "job-1" } });
    expect(readJob(JSON.stringify({ Data: { JobId: "job-1" } }))).toBeUndefined();
  });
});

describe("readTaskPage", () => {
  const options = { withNames: true, states: ["QUEUED"] };
  const tasks = (rows: unknown, Total: unknown) => JSON.stringify({ Data: { SimpleOTATaskInfo: rows }, Total });
  const task = { DeviceName: "device-1", TaskStatus: "QUEUED" };

  it("reads names and states", () => {
    expect(readTaskPage(tasks([task], 7), options)).toEqual({
      kind: "tasks",
      total: 7,
      tasks: [{ deviceName: "device-1", state: "QUEUED" }],
    });
  });

  it("keeps no name of a count", () => {
    const count = readTaskPage(tasks([task], 7), { ...options, withNames: false });
    expect(count).toEqual({ kind: "tasks", total: 7, tasks: [{ deviceName: "", state: "QUEUED" }] });
  });

  it("takes an empty list for one only if it says so", () => {
    expect(readTaskPage(tasks([], 0), options)).toEqual({ kind: "tasks", total: 0, tasks: [] });
    expect(readTaskPage(JSON.stringify({ Total: 0 }), options)).toEqual({ kind: "tasks", total: 0, tasks: [] });
    expect(readTaskPage(JSON.stringify({ Success: true }), options)).toBeUndefined();
    expect(readTaskPage(tasks([], " "), options)).toBeUndefined();
    expect(readTaskPage(tasks([task], 0), options)).toBeUndefined();
    expect(readTaskPage(tasks([], undefined), options)).toBeUndefined();
  });
});
