import { describe, expect, it } from "vitest";
import type { JobCall, JobFlags } from "../../../src/rollout/job-operator.js";
import type { Operation } from "../../../src/upstream/device-operations.js";
import { createJobOperator } from "../../../src/upstream/job-operations.js";

const FLAGS: JobFlags = { scheduled: false, queued: true, inProgress: false, notified: false, unconfirmed: false };

const SENT_MS = 700;

async function sent(call: JobCall, iotInstanceId = "") {
  const operations: Operation[] = [];
  const operator = createJobOperator(async (operation, sentMs) => {
    expect(sentMs).toBe(SENT_MS);
    operations.push(operation);
    return { end: { kind: "accepted", requestId: "R" }, body: '{"Total":0}' };
  });
  const end = await operator.send(call, iotInstanceId, SENT_MS);
  const [{ action, parameters } = { action: "", parameters: [] }] = operations;
  return { end, action, parameters: Object.fromEntries(parameters) };
}

describe("createJobOperator", () => {
  it("sends all five flags of a CancelOTATaskByJob, false ones too", async () => {
    const { action, parameters } = await sent({ operation: "CancelOTATaskByJob", jobId: "j", flags: FLAGS }, "iot-1");
    expect([action, parameters]).toEqual([
      "CancelOTATaskByJob",
      {
        JobId: "j",
        CancelScheduledTask: "false",
        CancelQueuedTask: "true",
        CancelInProgressTask: "false",
        CancelNotifiedTask: "false",
        CancelUnconfirmedTask: "false",
        IotInstanceId: "iot-1",
      },
    ]);
  });

  it("refuses to send five false flags", async () => {
    const flags = { ...FLAGS, queued: false };
    await expect(sent({ operation: "CancelOTATaskByJob", jobId: "j", flags })).rejects.toThrow("without any state");
  });

  it("counts the tasks in a state by a page of one", async () => {
    const call = { operation: "ListOTATaskByJob", jobId: "j", state: "QUEUED", page: 1, pageSize: 1 } as const;
    const { parameters, end } = await sent(call);
    expect(parameters).toEqual({ JobId: "j", TaskStatus: "QUEUED", CurrentPage: "1", PageSize: "1" });
    expect(end).toMatchObject({ answer: { kind: "tasks", total: 0 } });
    expect((await sent({ ...call, state: undefined })).parameters).not.toHaveProperty("TaskStatus");
  });

  it("lists the batches of a package, and closes a strategy", async () => {
    const list = { operation: "ListOTAJobByFirmware", firmwareId: "f", page: 2 } as const;
    expect((await sent(list)).parameters).toEqual({ FirmwareId: "f", CurrentPage: "2", PageSize: "50" });
    const close = await sent({ operation: "CancelOTAStrategyByJob", jobId: "j" });
    expect(close).toMatchObject({ parameters: { JobId: "j" }, end: { answer: { kind: "done" } } });
  });

  it("passes on any other end as it came", async () => {
    const end = { kind: "lost", message: "no answer" } as const;
    const operator = createJobOperator(async () => ({ end }));
    expect(await operator.send({ operation: "QueryOTAJob", jobId: "j" }, "", SENT_MS)).toBe(end);
  });
});
