import { describe, expect, it } from "vitest";
import { OUTCOMES } from "../../../src/gateway/device-outcome.js";
import type { OperationsReading } from "../../../src/operations/operations-watch.js";
import { STOP_ROLLOUT, type StopDetail } from "../../../src/operations/stop/stop-spec.js";
import type { OperationRecord } from "../../../src/operations/store.js";
import type { BatchReading, BatchStop } from "../../../src/rollout/batch-record.js";
import { createShownOperations } from "../../../src/serve/shown-operations.js";
import { SCOPE } from "../../support/fake-command.js";
import { NO_PROGRESS } from "../../support/stored-operation.js";

function record(part: Partial<OperationRecord> = {}): OperationRecord {
  return {
    ...{
      id: "01K0A1B2C3D4E5F6G7H8J9KMNP",
      kind: "cancel-list/1",
      caller: "fleet",
      account: "default",
      state: "running",
    },
    ...{
      createMs: 1000,
      expireMs: 9000,
      updateMs: 2000,
      devices: 10,
      repeated: 0,
      waiting: 4,
      failure: "",
      held: false,
    },
    spec: JSON.stringify({ scope: SCOPE }),
    counts: OUTCOMES.map(() => 1),
    progress: { ...NO_PROGRESS, remainingMs: 700, obstacle: "the quota is used up" },
    ...part,
  };
}

function shown(part: Partial<OperationsReading>) {
  const reading = { wallMs: 5000, running: [], ended: [], storedDevices: 0, isStale: false, ...part };
  const { operations } = createShownOperations(() => reading)();
  if (!operations) throw new Error("nothing is shown");
  return operations;
}

describe("createShownOperations", () => {
  it("shows nothing while there is no store", () => {
    expect(createShownOperations(() => undefined)()).toEqual({});
  });

  it("says of a list who, what, how far and what is in the way", () => {
    const [operation] = shown({ running: [record()] }).open;
    expect(operation).toMatchObject({
      caller: "fleet",
      productKey: "product",
      firmwareId: "firmware",
      devices: 10,
      waiting: 4,
      failed: 3,
    });
    expect(operation).toMatchObject({ kind: "cancel-list", remainingMs: 700, obstacle: "the quota is used up" });
    expect(operation).not.toHaveProperty("batches");
  });

  it("says of a stop its step, and of each batch what was open and is left", () => {
    const before = { jobId: "job-1", counts: { QUEUED: 30, NOTIFIED: 5, SUCCEEDED: 900 } } as BatchReading;
    const batch = { before, left: 2, failure: { message: "refused", code: "iot.ota.Refused" } } as BatchStop;
    const detail = { step: "settle", batches: Array<BatchStop>(7).fill(batch) } as unknown as StopDetail;
    const progress = { ...NO_PROGRESS, detail: JSON.stringify(detail) };
    const [operation] = shown({ running: [record({ kind: STOP_ROLLOUT, progress })] }).open;
    expect(operation).toMatchObject({ kind: "stop-rollout", step: "settle", moreBatches: 2 });
    expect(operation?.batches).toHaveLength(5);
    expect(operation?.batches?.[0]).toEqual({ jobId: "job-1", openBefore: 35, left: 2, failure: "iot.ota.Refused" });
  });

  it("shows a stop of which nothing was recorded yet, and an operation of a newer version", () => {
    const { open } = shown({
      running: [record({ kind: STOP_ROLLOUT, progress: NO_PROGRESS }), record({ spec: "{}" })],
    });
    expect(open[0]).not.toHaveProperty("step");
    expect(open[1]).toMatchObject({ productKey: "" });
  });

  it("says of an ended one when it ended and what failed, and no obstacle any more", () => {
    const failure = JSON.stringify({ kind: "expired", message: "the time to live passed" });
    const [operation] = shown({ ended: [record({ state: "expired", endMs: 4000, failure })] }).ended;
    expect(operation).toMatchObject({
      state: "expired",
      endWallMs: 4000,
      failure: "the time to live passed",
      obstacle: "",
    });
    expect(operation).not.toHaveProperty("remainingMs");
  });

  it("spells out invisible characters in what callers choose, and counts what it does not list", () => {
    const running = Array.from({ length: 25 }, () => record({ caller: "fle\u202eet", held: true }));
    const { open, moreOpen } = shown({ running });
    expect([open.length, moreOpen]).toEqual([20, 5]);
    expect(open[0]?.caller).not.toContain("\u202e");
    expect(open[0]?.state).toBe("held");
  });

  it("converts a reading once", () => {
    const reading = { wallMs: 5000, running: [record()], ended: [], storedDevices: 0, isStale: false };
    const operations = createShownOperations(() => reading);
    expect(operations().operations).toBe(operations().operations);
  });
});
