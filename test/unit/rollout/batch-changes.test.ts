import { describe, expect, it } from "vitest";
import { BatchChanges } from "../../../src/rollout/batch-changes.js";
import type { BatchKind } from "../../../src/rollout/job-operator.js";
import { OPEN_STATES } from "../../../src/rollout/job-operator.js";
import { StopBatch } from "../../../src/rollout/stop-batch.js";
import type { StopCall, StopCallEnd, StopOrder } from "../../../src/rollout/stop-call.js";
import { accepted, refused } from "../../support/fake-job-operator.js";

const ORDER: StopOrder = {
  ...{ productKey: "a1", firmwareId: "f1", jobId: "", etag: "", states: OPEN_STATES },
  ...{ keepStrategies: false, includeNewJobs: false, settleMs: 120_000, callTimeoutMs: 10_000 },
};
const REJECTED = { kind: "rejected", rejection: "precondition", deviceFault: false } as const;

function start(kinds: readonly BatchKind[], { order = ORDER, formerMs = -Infinity } = {}) {
  const batches = new Map(
    kinds.map((kind, n) => {
      const row = { jobId: `job-${n}`, status: "IN_PROGRESS", productKey: "a1", firmwareId: "f1", created: "" };
      return [row.jobId, new StopBatch({ ...row, kind }, order.states, undefined)] as const;
    }),
  );
  const changes = new BatchChanges(order, batches, formerMs);
  const end = (call: StopCall | undefined, how: StopCallEnd["end"], endedMs: number) => {
    if (!call || !("jobId" in call) || !call.operation.startsWith("Cancel")) throw new Error("no change");
    const result = { end: how, sentMs: endedMs, sentWallMs: endedMs, endedMs, attempts: 1 };
    changes.ended(call as Parameters<typeof changes.ended>[0], result);
  };
  const made = (nowMs: number) => changes.next(nowMs).map(({ operation }) => operation);
  return { batches, changes, end, made };
}

describe("BatchChanges", () => {
  it("cancels nothing before every dynamic batch was asked to close", () => {
    const { changes, end, made } = start(["static", "dynamic", "dynamic"]);
    const [first, second] = changes.next(0);
    expect([first, second].map((call) => call?.operation)).toEqual(Array(2).fill("CancelOTAStrategyByJob"));
    end(first, accepted(), 100);
    expect(made(100)).toEqual([]);
    end(second, { kind: "lost", message: "no answer" }, 200);
    // The batch whose answer was lost is closed again before its tasks are canceled.
    const calls = changes.next(200);
    expect(calls.map((call) => "jobId" in call && call.jobId)).toEqual(["job-0", "job-1"]);
    expect(made(2199)).toEqual([]);
    expect(made(2200)).toEqual(["CancelOTAStrategyByJob"]);
  });

  it("takes a batch that is closed already for closed, and works no more on one that cannot be", () => {
    const { changes, end, batches } = start(["dynamic", "dynamic"]);
    const [first, second] = changes.next(0);
    end(first, refused("iot.ota.JobHasCanceled", REJECTED), 100);
    end(second, refused("iot.ota.StrategyNotFound", REJECTED), 100);
    expect(changes.next(100)).toMatchObject([{ operation: "CancelOTATaskByJob", jobId: "job-0" }]);
    expect(batches.get("job-1")?.failure).toMatchObject({ code: "iot.ota.StrategyNotFound" });
  });

  it("goes on asking to close a batch through an outage, however long it lasts", () => {
    const { changes, end, batches } = start(["dynamic"]);
    const ends = [
      { kind: "unwritten", message: "no connection", ours: false },
      { kind: "withdrawn", message: "its time was over" },
      refused("SignatureDoesNotMatch", { kind: "internal", recovered: false }),
    ] as const;
    let nowMs = 0;
    for (let times = 0; times < 20; times++, nowMs += 2000) {
      end(changes.next(nowMs)[0], ends[times % ends.length] as StopCallEnd["end"], nowMs);
    }
    expect(batches.get("job-0")?.failure?.message).toMatch(/could not be closed/);
    const [again] = changes.next(nowMs);
    expect(again?.operation).toBe("CancelOTAStrategyByJob");
    end(again, accepted(), nowMs);
    expect(changes.next(nowMs)).toMatchObject([{ operation: "CancelOTATaskByJob" }]);
    expect(batches.get("job-0")?.failure).toBeUndefined();
  });

  it("keeps strategies open if it is asked to", () => {
    expect(start(["dynamic"], { order: { ...ORDER, keepStrategies: true } }).made(0)).toEqual(["CancelOTATaskByJob"]);
  });

  it("lets no count prove anything that began before the last change was answered", () => {
    const { changes, end } = start(["static", "static"]);
    expect(changes.sinceMs).toBe(-Infinity);
    const [first, second] = changes.next(0);
    expect(changes.sinceMs).toBe(Infinity);
    end(first, accepted(), 100);
    expect(changes.sinceMs).toBe(Infinity);
    end(second, accepted(), 300);
    expect(changes.sinceMs).toBe(300);
  });

  it("allows for a request that may still be on its way, and for those of a process that died", () => {
    const { changes, end } = start(["static"], { formerMs: 1000 });
    expect(changes.sinceMs).toBe(12_000);
    end(changes.next(12_000)[0], { kind: "lost", message: "no answer" }, 13_000);
    expect(changes.sinceMs).toBe(14_000);
    const [again] = changes.next(14_000);
    end(again, refused("iot.ota.JobCanceled", REJECTED), 15_000);
    expect(changes.sinceMs).toBe(14_000);
  });

  it("reads ten pages at a time for all sweeps together, so that counts get their turn", () => {
    const { changes, batches } = start(["verify", "verify", "verify"]);
    for (const batch of batches.values()) {
      for (const state of OPEN_STATES) {
        batch.takeToCount(true, 4);
        batch.note(state, 700, 0, -Infinity);
      }
      batch.endRound(100, -Infinity);
    }
    const pages = changes.next(100);
    expect(pages.map(({ operation }) => operation)).toEqual(Array(10).fill("ListOTATaskByJob"));
    expect(changes.next(200)).toEqual([]);
    batches.get("job-0")?.sweep.read(undefined);
    expect(changes.next(300)).toHaveLength(1);
  });
});
