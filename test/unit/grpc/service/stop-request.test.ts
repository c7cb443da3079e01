import { describe, expect, it } from "vitest";
import { Priority, StopRolloutRequest } from "../../../../src/gen/ota/v1/ota_service.js";
import { stopSpecOf, touchedByStop } from "../../../../src/grpc/service/stop-request.js";

const LIMITS = { maxDevices: Number.MAX_SAFE_INTEGER, accounts: new Set(["default"]) };
const request = (part: Partial<StopRolloutRequest> = {}) =>
  StopRolloutRequest.fromPartial({ productKey: "a1Lights", firmwareId: "F1", ...part });

describe("stopSpecOf", () => {
  it.each<[allowed: readonly string[] | undefined, priority: string]>([
    [undefined, "urgent"],
    [["bulk", "urgent"], "urgent"],
    [["bulk", "normal"], "normal"],
    [["bulk"], "bulk"],
  ])("gives a stop without a priority the highest of %j", (allowed, priority) => {
    const rights = allowed ? { priorities: new Set(allowed) } : {};
    expect(touchedByStop(request(), rights).priority).toBe(priority);
    expect(stopSpecOf(request(), rights, LIMITS).priority).toBe(priority);
  });

  it("keeps the priority that was asked for, whatever is allowed", () => {
    const urgent = request({ priority: Priority.URGENT });
    expect(touchedByStop(urgent, { priorities: new Set(["bulk"]) }).priority).toBe("urgent");
    expect(touchedByStop(request(), { priorities: new Set() }).priority).toBe("urgent");
    expect(touchedByStop(request({ priority: 99 as Priority }), {}).priority).toBeUndefined();
  });

  it("asks for every open state, two minutes to settle and an hour more to live, unless it is told otherwise", () => {
    expect(stopSpecOf(request(), {}, LIMITS)).toMatchObject({
      states: ["CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"],
      settleMs: 120_000,
      timeToLiveMs: 3_720_000,
    });
  });
});
