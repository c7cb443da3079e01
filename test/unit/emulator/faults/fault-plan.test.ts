import { describe, expect, it } from "vitest";
import { JsonMistakes } from "../../../../src/emulator/checked-json.js";
import { type FaultRule, NO_FAULTS, PlannedFaults } from "../../../../src/emulator/faults/fault-plan.js";
import { readFaultPlan } from "../../../../src/emulator/faults/fault-plan-reader.js";
import { seededRandom } from "../../../../src/emulator/random.js";

const RESET = { kind: "reset", applied: false } as const;
const HANG = { kind: "hang", applied: true } as const;

function planned(...rules: FaultRule[]) {
  const faults = new PlannedFaults({ ...NO_FAULTS, rules }, seededRandom(1));
  const choose = (action = "CancelOTATaskByDevice", parameters: Record<string, string> = {}) =>
    faults.choose({ action, parameters: new Map(Object.entries(parameters)), number: 1 })?.kind;
  return { faults, choose };
}

describe("PlannedFaults", () => {
  it("gives a call to the first rule that chooses it", () => {
    const { choose } = planned({ fault: RESET }, { fault: HANG });
    expect(choose()).toBe("reset");
  });

  it("plays a script: so many calls pass, so many are struck, and the next rule takes over", () => {
    const { faults, choose } = planned({ skip: 1, times: 2, fault: RESET }, { times: 1, fault: HANG });
    expect([choose(), choose(), choose(), choose(), choose()]).toEqual([
      "hang",
      "reset",
      "reset",
      undefined,
      undefined,
    ]);
    expect(faults.show()).toMatchObject({ rules: [{ struck: 2 }, { struck: 1 }] });
  });

  it("strikes only the operation and the device of the rule", () => {
    const { choose } = planned({ action: "QueryOTAJob", fault: RESET }, { deviceName: "light", fault: HANG });
    expect(choose("QueryOTAJob")).toBe("reset");
    expect(choose("CancelOTATaskByDevice", { "DeviceName.7": "light" })).toBe("hang");
    expect(choose("CancelOTATaskByDevice", { "DeviceName.7": "lamp", JobId: "light" })).toBeUndefined();
  });

  it("strikes that part of the calls", () => {
    const { choose } = planned({ rate: 0.25, fault: RESET });
    const struck = Array.from({ length: 1000 }, () => choose()).filter((kind) => kind === "reset").length;
    expect(struck).toBeGreaterThan(200);
    expect(struck).toBeLessThan(300);
  });

  it("counts anew when it is set anew", () => {
    const { faults, choose } = planned({ times: 1, fault: RESET });
    expect([choose(), choose()]).toEqual(["reset", undefined]);
    faults.set(faults.plan);
    expect(choose()).toBe("reset");
  });
});

describe("readFaultPlan", () => {
  it("takes nothing for no faults", () => {
    expect(readFaultPlan({})).toEqual(NO_FAULTS);
  });

  it("takes every kind of fault", () => {
    const faults = [
      { kind: "hang", applied: true },
      { kind: "reset", applied: false },
      { kind: "bad-gateway" },
      { kind: "error", shape: "service", status: 500, code: "Own", message: "words" },
      { kind: "delay", delayMs: 5 },
      { kind: "slow-body", bodyMs: 7 },
    ];
    const plan = readFaultPlan({ clockSkewMs: -5, rules: faults.map((fault) => ({ fault })) });
    expect(plan.clockSkewMs).toBe(-5);
    expect(plan.rules.map(({ fault }) => fault)).toEqual(faults);
  });

  it.each([
    { code: "Throttling.User", shape: "gateway", status: 400, message: "Request was denied due to user flow control." },
    { code: "iot.device.NotExistedDevice", shape: "service", status: 200, message: "The device does not exist." },
    { code: "Unheard.Of", shape: "gateway", status: 400, message: "Unheard.Of" },
  ])("knows what comes with the code $code", (error) => {
    const { rules } = readFaultPlan({ rules: [{ fault: { kind: "error", code: error.code } }] });
    expect(rules[0]?.fault).toEqual({ kind: "error", ...error });
  });

  it.each<[json: unknown, mistake: string]>([
    [[], "the body: must be an object"],
    [
      { latency: 5 },
      "latency: is unknown; known are latencyMs, jitterMs, processingMs, clockSkewMs, refuseConnectionsMs, rules",
    ],
    [{ latencyMs: -1 }, "latencyMs: must be a number from 0 to 600000"],
    [{ latencyMs: "5" }, "latencyMs: must be a number from 0 to 600000"],
    [{ rules: {} }, "rules: must be a list"],
    [{ rules: [5] }, "rules[0]: must be an object"],
    [{ rules: [{}] }, "rules[0].fault: must be an object"],
    [{ rules: [{ fault: {} }] }, "rules[0].fault.kind: is missing"],
    [
      { rules: [{ fault: { kind: "explode" } }] },
      "rules[0].fault.kind: must be one of hang, reset, bad-gateway, error, delay, slow-body",
    ],
    [{ rules: [{ fault: { kind: "error" } }] }, "rules[0].fault.code: is missing"],
    [{ rules: [{ fault: { kind: "error", code: "" } }] }, "rules[0].fault.code: must be a non-empty string"],
    [{ rules: [{ fault: { kind: "delay" } }] }, "rules[0].fault.delayMs: is missing"],
    [{ rules: [{ fault: { kind: "hang", applied: 1 } }] }, "rules[0].fault.applied: must be true or false"],
    // Were ignored, and so taken for what they are not.
    [
      { rules: [{ fault: { kind: "bad-gateway", applied: true } }] },
      "rules[0].fault.applied: is no field of bad-gateway; it has none",
    ],
    [
      { rules: [{ fault: { kind: "reset", applied: true, delayMs: 5 } }] },
      "rules[0].fault.delayMs: is no field of reset; it has applied",
    ],
    [
      { rules: [{ fault: { kind: "error", code: "iot.system.SystemException", retryAfterMs: 5 } }] },
      "rules[0].fault.retryAfterMs: is sent in the shape gateway only",
    ],
    [{ rules: [{ times: 1.5, fault: { kind: "hang" } }] }, "rules[0].times: must be a whole number"],
    [{ rules: [{ rate: 2, fault: { kind: "hang" } }] }, "rules[0].rate: must be a number from 0 to 1"],
  ])("refuses %j: %s", (json, mistake) => {
    expect(() => readFaultPlan(json)).toThrow(expect.objectContaining({ mistakes: [mistake] }) as Error);
  });

  it("refuses an operation that there is not", () => {
    const json = { rules: [{ action: "ListThings", fault: { kind: "hang" } }] };
    expect(() => readFaultPlan(json)).toThrow(/^rules\[0\]\.action: must be one of CancelOTATaskByDevice, /);
  });

  it("tells all mistakes at once", () => {
    const json = { jitterMs: -1, rules: [{ times: 0, fault: { kind: "delay", delayMs: -1 } }] };
    expect(() => readFaultPlan(json)).toThrow(JsonMistakes);
    expect(() => readFaultPlan(json)).toThrow(
      expect.objectContaining({ mistakes: expect.objectContaining({ length: 3 }) as unknown }) as Error,
    );
  });
});
