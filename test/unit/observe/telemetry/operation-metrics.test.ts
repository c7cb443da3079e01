// What is printed of operations, by the real SDK and exporter.
import { describe, expect, it, onTestFinished } from "vitest";
import { CANCEL_LIST } from "../../../../src/operations/cancel-list.js";
import { COMMITS } from "../../../../src/operations/observed-store.js";
import { STOP_ROLLOUT } from "../../../../src/operations/stop/stop-spec.js";
import { measured, runningOperation } from "../../../support/metrics-run.js";
import { sumOf } from "../../../support/prometheus-text.js";

const { metrics, read } = measured();
const NOW_MS = 1_000_000;
const BOUNDS = { wallMs: NOW_MS, storedDevices: 0, mostStoredDevices: 500, mostPerCaller: 20 };

describe("createOperationMetrics", () => {
  it("prints nothing for a gateway without a store", async () => {
    expect([...(await read()).keys()].filter((name) => /operations|store/.test(name))).toEqual([]);
  });

  it("prints what can end, fail or be deleted from the start", async () => {
    const operations = metrics.operations();
    let families = await read();
    const ended = families.get("ota_operations_ended_total")?.samples ?? [];
    expect(ended.map(({ value }) => value)).toEqual([0, 0, 0, 0, 0, 0]);
    expect([sumOf(families, "ota_store_failures_total"), sumOf(families, "ota_operations_deleted_total")]).toEqual([
      0, 0,
    ]);
    operations.ended({ kind: STOP_ROLLOUT, state: "expired" });
    operations.failed();
    operations.deletedOperation();
    for (const call of COMMITS) operations.committed(call, 40);
    families = await read();
    const labels = { ota_operation_kind: "stop-rollout", ota_operation_state: "expired" };
    expect(sumOf(families, "ota_operations_ended_total", labels)).toBe(1);
    expect(sumOf(families, "ota_store_failures_total")).toBe(1);
    expect(sumOf(families, "ota_operations_deleted_total")).toBe(1);
    expect(sumOf(families, "ota_store_commit_duration_seconds_sum", { ota_store_call: "record" })).toBeCloseTo(0.04);
  });

  it("prints ages of zero for a store without open operations, and no gauge before its first reading", async () => {
    onTestFinished(metrics.operations().watch(() => undefined));
    expect((await read()).get("ota_operations")?.samples ?? []).toEqual([]);
    onTestFinished(metrics.operations().watch(() => ({ ...BOUNDS, running: [] })));
    const families = await read();
    expect(sumOf(families, "ota_operations_oldest_age_seconds")).toBe(0);
    expect(sumOf(families, "ota_operations_idle_age_seconds")).toBe(0);
  });

  it("counts open operations by kind and state, with the oldest, the idlest and the busiest caller", async () => {
    const running = [
      runningOperation({ createMs: NOW_MS - 9000, updateMs: NOW_MS - 1000, waiting: 40 }),
      runningOperation({ createMs: NOW_MS - 8000, updateMs: NOW_MS - 2000, waiting: 2, state: "stopping" }),
      runningOperation({ kind: STOP_ROLLOUT, createMs: NOW_MS, updateMs: NOW_MS + 5, caller: "on-call", held: true }),
      runningOperation({ kind: "of-a-newer-version/1", createMs: NOW_MS, updateMs: NOW_MS, caller: "on-call" }),
    ];
    onTestFinished(metrics.operations().watch(() => ({ ...BOUNDS, running, storedDevices: 400 })));
    const families = await read();
    const of = (kind: string, state: string) =>
      sumOf(families, "ota_operations", { ota_operation_kind: kind, ota_operation_state: state });
    expect([of("cancel-list", "running"), of("cancel-list", "stopping"), of("stop-rollout", "held")]).toEqual([
      1, 1, 1,
    ]);
    expect([of("stop-rollout", "running"), of("other", "running")]).toEqual([0, 1]);
    expect(sumOf(families, "ota_operations_devices", { ota_operation_kind: "cancel-list" })).toBe(42);
    expect(sumOf(families, "ota_operations_oldest_age_seconds")).toBe(9);
    expect(sumOf(families, "ota_operations_idle_age_seconds")).toBe(2);
    expect(sumOf(families, "ota_operations_caller_most")).toBe(2);
    expect(sumOf(families, "ota_operations_caller_limit")).toBe(20);
    expect([sumOf(families, "ota_store_devices"), sumOf(families, "ota_store_capacity")]).toEqual([400, 500]);
  });

  it("knows the kinds that this version stores", () => {
    for (const kind of [CANCEL_LIST, STOP_ROLLOUT]) expect(kind).toMatch(/^(cancel-list|stop-rollout)\//);
  });
});
