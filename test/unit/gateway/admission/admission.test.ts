import { describe, expect, it } from "vitest";
import { admit, type Outlook, plan, retryAfterMs } from "../../../../src/gateway/admission/admission.js";
import type { Command } from "../../../../src/gateway/command.js";
import { GatewayError } from "../../../../src/gateway/failures.js";
import { Queue } from "../../../../src/gateway/queue/queue.js";
import { EQUAL } from "../../../support/fake-callers.js";
import { aCommand, aScope, aWaiter, names } from "../../../support/fake-command.js";
import { FakeLimiter } from "../../../support/fake-limiter.js";
import { ROOM } from "../../../support/fake-upstream.js";
import { HandClock } from "../../../support/hand-clock.js";

const BOUNDS = { queuedDevices: 1_000_000, queuedDevicesPerCaller: 500_000 };

/** An idle account at time 0 where this waits. */
function outlookOf(waiting: readonly Partial<Command>[] = [], openingMs = 0): Outlook {
  const queue = new Queue(ROOM, EQUAL);
  for (const command of waiting) queue.add(aWaiter(command));
  const clock = new HandClock();
  return {
    queue,
    forecast: new FakeLimiter({ clock, openingMs }).forecast(50),
    answerMs: 50,
    devicesPerCall: 200,
    nowMs: 0,
  };
}

function refusalOf(command: Partial<Command>, outlook: Outlook, bounds = BOUNDS): GatewayError {
  try {
    admit(aCommand(command), bounds, outlook);
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error("admitted");
}

describe("admit", () => {
  it("lets in what can be done in time", () => {
    expect(() => admit(aCommand({ answerByMs: 50 }), BOUNDS, outlookOf())).not.toThrow();
    expect(() => admit(aCommand({ deviceNames: names(2000), answerByMs: 951 }), BOUNDS, outlookOf())).not.toThrow();
  });

  it("refuses at once what cannot be done in time, and says how much later it could", () => {
    const { failure, retryAfterMs } = refusalOf({ deviceNames: names(2000), answerByMs: 400 }, outlookOf());
    expect(failure.kind).toBe("deadline-too-short");
    expect(failure.message).toBe(
      "cannot be done in time: about 951 ms needed, 400 ms left; nothing was sent; retry later or with a longer deadline",
    );
    expect(retryAfterMs).toBe(551);
  });

  it("refuses what comes after its own deadline", () => {
    const { failure, retryAfterMs } = refusalOf({ answerByMs: -5 }, outlookOf());
    expect(failure.message).toContain(", 0 ms left");
    expect(retryAfterMs).toBe(100);
  });

  it("knows that nothing is sent before the ledger opens", () => {
    expect(refusalOf({ answerByMs: 1000 }, outlookOf([], 2000)).retryAfterMs).toBe(1050);
  });

  it("refuses a caller whose devices would exceed its bound, and no other", () => {
    const bounds = { ...BOUNDS, queuedDevicesPerCaller: 300 };
    const outlook = outlookOf([{ caller: "a", deviceNames: names(250) }]);
    const { failure, retryAfterMs } = refusalOf({ caller: "a", deviceNames: names(51) }, outlook, bounds);
    expect(failure).toMatchObject({
      kind: "overloaded",
      subject: "caller",
      message:
        "the queue is full: 250 devices of this caller wait, and 51 more would exceed the limit of 300; retry later",
    });
    expect(retryAfterMs).toBeGreaterThanOrEqual(100);
    expect(() => admit(aCommand({ caller: "a", deviceNames: names(50) }), bounds, outlook)).not.toThrow();
    expect(() => admit(aCommand({ caller: "b", deviceNames: names(300) }), bounds, outlook)).not.toThrow();
  });

  it("goes by the bound of a caller that has its own, higher or lower", () => {
    const own: Record<string, number> = { a: 400, b: 100 };
    const bounds = { ...BOUNDS, queuedDevicesPerCaller: 300, queuedDevicesOf: (caller: string) => own[caller] };
    const outlook = outlookOf([{ caller: "a", deviceNames: names(250) }]);
    expect(() => admit(aCommand({ caller: "a", deviceNames: names(150) }), bounds, outlook)).not.toThrow();
    expect(refusalOf({ caller: "a", deviceNames: names(151) }, outlook, bounds).failure.kind).toBe("overloaded");
    expect(refusalOf({ caller: "b", deviceNames: names(101) }, outlook, bounds).failure.kind).toBe("invalid");
    expect(() => admit(aCommand({ caller: "c", deviceNames: names(300) }), bounds, outlook)).not.toThrow();
  });

  it("refuses a request that exceeds the queue permanently (was: with a time to retry)", () => {
    const bounds = { queuedDevices: 1000, queuedDevicesPerCaller: 300 };
    const { failure, retryAfterMs } = refusalOf({ deviceNames: names(301) }, outlookOf(), bounds);
    expect(failure).toMatchObject({
      kind: "invalid",
      violations: [
        { field: "device_names", description: "has 301 names, more than may be queued (limit 300); send fewer" },
      ],
    });
    expect(retryAfterMs).toBeUndefined();
  });

  it("refuses everybody when the queue is full", () => {
    const bounds = { ...BOUNDS, queuedDevices: 300 };
    const outlook = outlookOf([{ caller: "a", deviceNames: names(300) }]);
    expect(refusalOf({ caller: "b" }, outlook, bounds).failure).toMatchObject({
      subject: "gateway",
      message:
        "the queue is full: 300 devices of all callers wait, and 1 more would exceed the limit of 300; retry later",
    });
  });

  it("tells a request without room when the calls that make room will have been sent", () => {
    const bounds = { ...BOUNDS, queuedDevices: 1000 };
    const outlook = outlookOf([{ caller: "a", deviceNames: names(1000) }]);
    const hints = [1, 200, 201, 401].map(
      (devices) => refusalOf({ caller: "b", deviceNames: names(devices) }, outlook, bounds).retryAfterMs ?? 0,
    );
    for (const [nth, calls] of [1, 1, 2, 3].entries()) expect(hints[nth]).toBeCloseTo(calls * 100, -1);
  });

  it("lets in what fills the queue to the last device", () => {
    const outlook = outlookOf([{ caller: "a", deviceNames: names(250) }]);
    const fill = aCommand({ caller: "b", deviceNames: names(50) });
    expect(() => admit(fill, { ...BOUNDS, queuedDevices: 300 }, outlook)).not.toThrow();
  });
});

describe("plan", () => {
  it("counts full calls, and when the first starts and the last is answered", () => {
    expect(plan(aCommand({ caller: "a" }), 1, outlookOf())).toEqual({ calls: 1, waitMs: 0, durationMs: 50 });
    const { calls, waitMs, durationMs } = plan(aCommand({ caller: "a" }), 1001, outlookOf());
    expect([calls, waitMs]).toEqual([6, 0]);
    expect(durationMs).toBeCloseTo(550, -1);
  });

  it("lets a small request behind a huge one of another caller share a call with it, or wait for one turn elsewhere", () => {
    const outlook = outlookOf([{ caller: "huge", deviceNames: names(100_000), answerByMs: Infinity }]);
    expect(plan(aCommand({ caller: "small" }), 1, outlook).waitMs).toBe(0);
    expect(plan(aCommand({ caller: "small", scope: aScope("other") }), 1, outlook).waitMs).toBeCloseTo(100, -1);
  });

  it("puts a caller's request behind all of its own", () => {
    const outlook = outlookOf([{ caller: "a", deviceNames: names(2000) }]);
    expect(plan(aCommand({ caller: "a" }), 200, outlook).waitMs).toBeCloseTo(1050, -1);
  });

  it("expects no more calls than all that wait: many callers share one", () => {
    const outlook = outlookOf(Array.from({ length: 100 }, (_, n) => ({ caller: `c${n}`, deviceNames: [`dev-${n}`] })));
    expect(plan(aCommand({ caller: "new" }), 1, outlook).waitMs).toBe(0);
    expect(plan(aCommand({ caller: "new", scope: aScope("other") }), 1, outlook).waitMs).toBeCloseTo(100, -1);
  });

  it("counts a caller's own devices that others wait for as well only once (was: once for each request)", () => {
    const outlook = outlookOf([{ deviceNames: names(200) }, { deviceNames: names(200) }, { deviceNames: names(200) }]);
    expect(plan(aCommand({ caller: "caller" }), 1, outlook).waitMs).toBeCloseTo(100, -1);
  });

  it("lets each other caller go first once for each own turn", () => {
    const waiting = ["b", "c"].map((caller) => ({ caller, scope: aScope(caller), deviceNames: names(600) }));
    const outlook = outlookOf(waiting);
    const applicant = aCommand({ caller: "a", scope: aScope("a") });
    expect(plan(applicant, 1, outlook).waitMs).toBeCloseTo(200, -1);
    expect(plan(applicant, 400, outlook).durationMs).toBeCloseTo(550, -1);
  });
});

describe("retryAfterMs", () => {
  it("is when a newcomer's device would be sent, and never so short that clients hammer", () => {
    expect(retryAfterMs(outlookOf())).toBe(100);
    expect(retryAfterMs(outlookOf([], 2000))).toBe(2000);
  });
});
