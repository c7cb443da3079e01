import { describe, expect, it } from "vitest";
import type { DeviceOutcome } from "../../../../src/gateway/device-outcome.js";
import type { Failure } from "../../../../src/gateway/failures.js";
import type { Answer, CallRecord } from "../../../../src/gateway/waiter.js";
import { CancelTasksByDeviceResponse, Outcome } from "../../../../src/gen/ota/v1/ota_service.js";
import { checkResponseOf, planResponseOf, responseOf } from "../../../../src/grpc/service/response.js";

const ACCEPTED: DeviceOutcome = { kind: "accepted" };
const NOT_FOUND: Failure = { kind: "rejected", rejection: "not-found", message: "the upstream refused: X" };
const EXPIRED: Failure = { kind: "expired", message: "the deadline came" };
const LOST: Failure = { kind: "unknown", reason: "OUTCOME_UNKNOWN", message: "sent, and not answered" };

const CALL: CallRecord = {
  sentWallMs: Date.UTC(2026, 0, 1) + 1.5,
  deviceCount: 2,
  attempts: 1,
  success: true,
  requestId: "request-1",
  code: "",
  message: "",
  durationMs: 20.25,
};

function answerOf(outcomes: readonly DeviceOutcome[], overrides: Partial<Answer> = {}): Answer {
  return { outcomes, callIndexes: new Int32Array(outcomes.length).fill(-1), calls: [], quotaWaitMs: 0, ...overrides };
}

const namesOf = (outcomes: readonly unknown[]) => outcomes.map((_, n) => `dev-${n}`);

describe("responseOf", () => {
  it("has one result for each name, in order, with a status where it is not well", () => {
    const outcomes: DeviceOutcome[] = [
      ACCEPTED,
      { kind: "rejected", failure: NOT_FOUND },
      { kind: "unknown", failure: LOST },
      { kind: "not-attempted", failure: EXPIRED },
    ];
    const callIndexes = Int32Array.of(0, 1, 1, -1);
    const { results, success } = responseOf(answerOf(outcomes, { callIndexes }), namesOf(outcomes));
    expect(results.map(({ deviceName, outcome, callIndex }) => [deviceName, outcome, callIndex])).toEqual([
      ["dev-0", Outcome.ACCEPTED, 0],
      ["dev-1", Outcome.REJECTED, 1],
      ["dev-2", Outcome.UNKNOWN, 1],
      ["dev-3", Outcome.NOT_ATTEMPTED, -1],
    ]);
    expect(results.map(({ status }) => status?.code)).toEqual([undefined, 5, 2, 4]);
    expect(success).toBe(false);
  });

  it("is a success only if every device ended well", () => {
    expect(responseOf(answerOf([ACCEPTED, ACCEPTED]), ["dev-1", "dev-2"]).success).toBe(true);
    const outcomes: DeviceOutcome[] = [ACCEPTED, { kind: "not-attempted", failure: EXPIRED }];
    expect(responseOf(answerOf(outcomes), namesOf(outcomes)).success).toBe(false);
  });

  it("tells what was read back as a success, and beside it what undecided", () => {
    const unverified: Failure = { kind: "unknown", reason: "NOT_VERIFIED", message: "still QUEUED" };
    const outcomes: DeviceOutcome[] = [
      { kind: "verified-canceled" },
      { kind: "already-finished" },
      { kind: "no-task" },
      { kind: "no-task", unverified },
      { kind: "accepted", unverified },
    ];
    const { results, success } = responseOf(answerOf(outcomes), namesOf(outcomes));
    expect(results.map(({ outcome, status }) => [outcome, status?.message])).toEqual([
      [Outcome.VERIFIED_CANCELED, undefined],
      [Outcome.ALREADY_FINISHED, undefined],
      [Outcome.NO_TASK, undefined],
      [Outcome.NO_TASK, "still QUEUED"],
      [Outcome.ACCEPTED, "still QUEUED"],
    ]);
    expect(success).toBe(true);
  });

  it("tells of each call what the proto file promises, and survives the wire", () => {
    const calls: CallRecord[] = [CALL, { ...CALL, success: false, requestId: "", message: "no answer", attempts: 2 }];
    delete calls[1]?.durationMs;
    const response = responseOf(answerOf([ACCEPTED], { calls, quotaWaitMs: 1500.5 }), ["dev-0"]);
    const { calls: received, quotaWait } = CancelTasksByDeviceResponse.decode(
      CancelTasksByDeviceResponse.encode(response).finish(),
    );
    expect(received).toEqual([
      {
        requestId: "request-1",
        deviceCount: 2,
        operation: "",
        success: true,
        code: "",
        errorMessage: "",
        attempts: 1,
        sentTime: { seconds: BigInt(Date.UTC(2026, 0, 1) / 1000), nanos: 1_500_000 },
        duration: { seconds: 0n, nanos: 20_250_000 },
      },
      expect.objectContaining({
        requestId: "",
        success: false,
        errorMessage: "no answer",
        attempts: 2,
        duration: undefined,
      }),
    ]);
    expect(quotaWait).toEqual({ seconds: 1n, nanos: 500_500_000 });
  });

  it("makes one status for thousands of devices that share a failure", () => {
    const outcomes = Array.from({ length: 10_000 }, (): DeviceOutcome => ({ kind: "rejected", failure: NOT_FOUND }));
    const { results } = responseOf(answerOf(outcomes), namesOf(outcomes));
    expect(new Set(results.map(({ status }) => status)).size).toBe(1);
  });
});

describe("planResponseOf", () => {
  it("attempts nothing, claims nothing, and has the plan", () => {
    expect(planResponseOf({ calls: 3, waitMs: 250, durationMs: 1250.5 }, ["dev-1", "dev-2"])).toEqual({
      results: ["dev-1", "dev-2"].map((deviceName) => ({
        deviceName,
        outcome: Outcome.NOT_ATTEMPTED,
        status: undefined,
        callIndex: -1,
      })),
      calls: [],
      quotaWait: { seconds: 0n, nanos: 0 },
      success: false,
      plan: {
        calls: 3,
        expectedWait: { seconds: 0n, nanos: 250_000_000 },
        expectedDuration: { seconds: 1n, nanos: 250_500_000 },
        ...{ devicesExisting: 0, devicesMissing: 0, devicesNotRead: 0 },
      },
    });
  });
});

describe("checkResponseOf", () => {
  it("tells devices that exist, those that do not, and those of which nothing is known", () => {
    const { results, success, plan } = checkResponseOf(
      { calls: 1, waitMs: 0, durationMs: 0 },
      ["a", "b", "c"],
      [{ kind: "existing" }, { kind: "missing", failure: NOT_FOUND }, { kind: "not-read", failure: EXPIRED }],
    );
    expect(results.map(({ deviceName, outcome, status }) => [deviceName, outcome, status?.code])).toEqual([
      ["a", Outcome.NOT_ATTEMPTED, undefined],
      ["b", Outcome.REJECTED, 5],
      ["c", Outcome.NOT_ATTEMPTED, 4],
    ]);
    expect(success).toBe(false);
    expect(plan).toMatchObject({ devicesExisting: 1, devicesMissing: 1, devicesNotRead: 1 });
  });
});
