import { type Metadata, status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import {
  FAILURE_KINDS,
  type Failure,
  type FailureKind,
  GatewayError,
  type Violation,
} from "../../../../src/gateway/failures.js";
import { ErrorInfo } from "../../../../src/gen/google/rpc/error_details.js";
import { Status } from "../../../../src/gen/google/rpc/status.js";
import { deviceStatusOf, type WireError, wireErrorOf } from "../../../../src/grpc/wire/status.js";
import { readFailure } from "../../../support/grpc-failure.js";

const UPSTREAM = { code: "iot.device.NotExistedDevice", requestId: "4D9FD1EA-E711-47CE-BB17-5A075BE4CF72" };

/** One failure of each kind. */
const FAILURES: Record<FailureKind, Failure> = {
  invalid: { kind: "invalid", message: "", violations: [{ field: "product_key", description: "is required" }] },
  unauthenticated: { kind: "unauthenticated", message: "m" },
  forbidden: { kind: "forbidden", message: "m" },
  overloaded: { kind: "overloaded", message: "m", subject: "caller" },
  "deadline-too-short": { kind: "deadline-too-short", message: "m" },
  expired: { kind: "expired", message: "m" },
  aborted: { kind: "aborted", message: "m" },
  draining: { kind: "draining", message: "m" },
  rejected: { kind: "rejected", message: "m", rejection: "precondition", upstream: UPSTREAM },
  throttled: { kind: "throttled", message: "m", upstream: UPSTREAM },
  unavailable: { kind: "unavailable", message: "m" },
  unknown: { kind: "unknown", message: "m", reason: "OUTCOME_UNKNOWN" },
  internal: { kind: "internal", message: "m" },
  stopped: { kind: "stopped", message: "m" },
  "rollout-changed": { kind: "rollout-changed", message: "m" },
  "request-id-reused": { kind: "request-id-reused", message: "m" },
  "submission-unknown": { kind: "submission-unknown", message: "m" },
  "operation-not-found": { kind: "operation-not-found", message: "m" },
  "operation-running": { kind: "operation-running", message: "m" },
  "store-unavailable": { kind: "store-unavailable", message: "m" },
  "state-not-shared": { kind: "state-not-shared", message: "m" },
};

/** As the proto file promises it. */
const PROMISED: Record<FailureKind, [code: keyof typeof status, reason: string, domain: string]> = {
  invalid: ["INVALID_ARGUMENT", "INVALID_REQUEST", "ota.v1"],
  unauthenticated: ["UNAUTHENTICATED", "UNAUTHENTICATED", "ota.v1"],
  forbidden: ["PERMISSION_DENIED", "FORBIDDEN", "ota.v1"],
  overloaded: ["RESOURCE_EXHAUSTED", "OVERLOADED", "ota.v1"],
  "deadline-too-short": ["DEADLINE_EXCEEDED", "DEADLINE_TOO_SHORT", "ota.v1"],
  expired: ["DEADLINE_EXCEEDED", "EXPIRED", "ota.v1"],
  aborted: ["CANCELLED", "ABORTED", "ota.v1"],
  draining: ["UNAVAILABLE", "DRAINING", "ota.v1"],
  rejected: ["FAILED_PRECONDITION", "REJECTED", "iot.aliyuncs.com"],
  throttled: ["RESOURCE_EXHAUSTED", "THROTTLED", "iot.aliyuncs.com"],
  unavailable: ["UNAVAILABLE", "UNAVAILABLE", "ota.v1"],
  unknown: ["UNKNOWN", "OUTCOME_UNKNOWN", "ota.v1"],
  internal: ["INTERNAL", "INTERNAL", "ota.v1"],
  stopped: ["CANCELLED", "STOPPED", "ota.v1"],
  "rollout-changed": ["ABORTED", "ROLLOUT_CHANGED", "ota.v1"],
  "request-id-reused": ["ALREADY_EXISTS", "REQUEST_ID_REUSED", "ota.v1"],
  "submission-unknown": ["UNKNOWN", "SUBMISSION_UNKNOWN", "ota.v1"],
  "operation-not-found": ["NOT_FOUND", "OPERATION_NOT_FOUND", "ota.v1"],
  "operation-running": ["FAILED_PRECONDITION", "OPERATION_RUNNING", "ota.v1"],
  "store-unavailable": ["UNAVAILABLE", "STORE_UNAVAILABLE", "ota.v1"],
  "state-not-shared": ["FAILED_PRECONDITION", "STATE_NOT_SHARED", "ota.v1"],
};

/** What a proxy counts: every trailer with its name, as HTTP/2 carries them. */
function trailerBytes({ code, details, metadata }: WireError): number {
  const headers = {
    ...(metadata as Metadata).toHttp2Headers(),
    "grpc-status": code,
    "grpc-message": encodeURI(details),
  };
  return Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + String(value).length, 0);
}

function longNames(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${n}`.padStart(32, "n"));
}

describe("wireErrorOf", () => {
  it.each(FAILURE_KINDS)("gives %s the code, reason and domain that the proto file promises", (kind) => {
    const { code, reason, domain, retryAfterMs } = readFailure(wireErrorOf(new GatewayError(FAILURES[kind])));
    expect([code, reason, domain]).toEqual(PROMISED[kind]);
    expect(retryAfterMs).toBeUndefined();
  });

  it.each(FAILURE_KINDS)("forbids the same message again on %s, or leaves it to the client's policy", (kind) => {
    const passing: readonly FailureKind[] = [
      "overloaded",
      "aborted",
      "draining",
      "throttled",
      "unavailable",
      "unknown",
      "submission-unknown",
      "store-unavailable",
    ];
    const { pushback } = readFailure(wireErrorOf(new GatewayError(FAILURES[kind])));
    expect(pushback).toBe(passing.includes(kind) ? undefined : "-1");
  });

  it.each(["draining", "unavailable", "throttled", "overloaded"] as const)(
    "forbids a retry that comes too late for its deadline on %s, so that the client sees the reason",
    (kind) => {
      const error = new GatewayError(FAILURES[kind], { retryAfterMs: 500 });
      const told = (leftMs: number) => {
        const { pushback, retryAfterMs } = readFailure(wireErrorOf(error, leftMs));
        return [pushback, retryAfterMs];
      };
      expect(told(501)).toEqual(["500", 500]);
      expect(told(500)).toEqual(["-1", 500]);
      expect(told(-1)).toEqual(["-1", 500]);
    },
  );

  it("forbids a retry of what was never answered once the time is over", () => {
    expect(readFailure(wireErrorOf(new GatewayError(FAILURES.unknown), 0)).pushback).toBe("-1");
  });

  it.each([
    ["not-found", "NOT_FOUND"],
    ["invalid", "INVALID_ARGUMENT"],
    ["precondition", "FAILED_PRECONDITION"],
    ["forbidden", "PERMISSION_DENIED"],
  ] as const)("gives a rejection that is %s the code %s", (rejection, code) => {
    const failure: Failure = { kind: "rejected", message: "m", rejection, upstream: UPSTREAM };
    expect(readFailure(wireErrorOf(new GatewayError(failure)))).toMatchObject({ code, reason: "REJECTED" });
  });

  it("tells what was refused together with others from what was never answered", () => {
    const failure: Failure = { kind: "unknown", message: "m", reason: "BATCH_REJECTED", upstream: UPSTREAM };
    expect(readFailure(wireErrorOf(new GatewayError(failure)))).toMatchObject({
      code: "UNKNOWN",
      reason: "BATCH_REJECTED",
      metadata: { upstream_code: UPSTREAM.code, request_id: UPSTREAM.requestId },
    });
  });

  it("counts the devices of each cause and names up to ten of them", () => {
    const causes = [
      { kind: "unknown", devices: 7, sampleNames: ["dev-1", "dev-2"] },
      { kind: "expired", devices: 3, sampleNames: ["dev-8"] },
    ] as const;
    expect(readFailure(wireErrorOf(new GatewayError(FAILURES.unknown, { causes })))).toMatchObject({
      metadata: { devices_unknown: "7", devices_expired: "3" },
      devices: [
        { resourceName: "dev-1", description: "unknown" },
        { resourceName: "dev-2", description: "unknown" },
        { resourceName: "dev-8", description: "expired" },
      ],
    });
  });

  it("says who has filled the queue", () => {
    expect(readFailure(wireErrorOf(new GatewayError(FAILURES.overloaded))).quotaSubjects).toEqual(["caller"]);
  });

  it.each([0, 0.4, 99.5, 100, 1234.567, 50_000_000])("hints to retry after %d ms, twice and alike", (retryAfterMs) => {
    const failure = readFailure(wireErrorOf(new GatewayError(FAILURES.draining, { retryAfterMs })));
    expect(failure.pushback).toMatch(/^\d+$/);
    expect(Number(failure.pushback)).toBeGreaterThanOrEqual(retryAfterMs);
    expect(Number(failure.pushback) - (failure.retryAfterMs ?? Number.NaN)).toBeLessThan(1);
  });

  it("forbids a retry where asking again in time can never do (was: grpc-java slept its deadline away)", () => {
    const failure = readFailure(wireErrorOf(new GatewayError(FAILURES["deadline-too-short"], { retryAfterMs: 1500 })));
    expect([failure.pushback, failure.retryAfterMs]).toEqual(["-1", 1500]);
  });

  it("lists up to 50 violations, and always says how many there are", () => {
    const violations = Array.from({ length: 60 }, (_, n): Violation => ({ field: `f[${n}]`, description: "no" }));
    const failure = readFailure(wireErrorOf(new GatewayError({ kind: "invalid", message: "", violations })));
    expect(failure.violations).toEqual(violations.slice(0, 50));
    expect(failure.metadata).toEqual({ violations: "60" });
    const counted = { kind: "invalid", message: "", violations, unlisted: 7 } as const;
    expect(readFailure(wireErrorOf(new GatewayError(counted))).metadata).toEqual({ violations: "67" });
    expect(failure.message).toBe("60 violation(s), the first: f[0] no");
  });

  it("keeps the trailers under 4 KB for 10,000 bad names", () => {
    const violations = Array.from({ length: 10_000 }, (_, n): Violation => {
      const field = `device_names[${90_000 + n}]`; // the limit can be raised to 100,000
      return { field, description: n % 2 ? "must be 4-32 of A-Za-z0-9-_@.:" : "repeats device_names[89999]" };
    });
    const wire = wireErrorOf(new GatewayError({ kind: "invalid", message: "", violations }));
    expect(trailerBytes(wire)).toBeLessThan(4096);
    const failure = readFailure(wire);
    expect(failure.violations.length).toBeGreaterThan(30);
    expect(failure.metadata).toEqual({ violations: "10000" });
  });

  it("keeps the trailers under 4 KB for ten of the longest names, every cause, and an upstream that talks much", () => {
    const upstream = { code: "c".repeat(128), requestId: "r".repeat(128) };
    const failure: Failure = { kind: "overloaded", subject: "gateway", message: `m: ${upstream.code}`, upstream };
    const causes = FAILURE_KINDS.map((kind, n) => ({ kind, devices: 10_000, sampleNames: longNames(n < 10 ? 1 : 0) }));
    const wire = wireErrorOf(new GatewayError(failure, { causes, retryAfterMs: 123_456_789 }));
    expect(readFailure(wire).devices).toHaveLength(10);
    expect(trailerBytes(wire)).toBeLessThan(4096);
  });

  it.each(["\u4e2d", "\ud83d\ude00", " "])(
    "keeps the trailers under 4 KB for an upstream that talks much in %j (was: more than 4 KB)",
    (character) => {
      const upstream = { code: "c".repeat(128), requestId: "r".repeat(128) };
      const message = `the batches could not be listed: ${character.repeat(300 / character.length)} (${upstream.code})`;
      const wire = wireErrorOf(new GatewayError({ kind: "unavailable", message, upstream }, { retryAfterMs: 1000 }));
      expect(trailerBytes(wire)).toBeLessThan(4096);
      const [encoded] = wire.metadata.get("grpc-status-details-bin");
      expect(Status.decode(encoded as Buffer).message).toBe(message);
    },
  );

  it.each([
    new Error("the secret is testsecret"),
    new TypeError("cannot read 'dev-1'"),
    Object.assign(new Error("x"), { code: 5, details: "the secret is testsecret" }),
    "testsecret",
    undefined,
    null,
  ])("shows nothing of what is no GatewayError: %s", (error) => {
    const wire = wireErrorOf(error);
    expect(readFailure(wire)).toMatchObject({ code: "INTERNAL", reason: "INTERNAL", message: "internal error" });
    expect(Object.keys(wire.metadata.getMap())).toEqual(["grpc-retry-pushback-ms", "grpc-status-details-bin"]);
    expect(String(wire.metadata.get("grpc-status-details-bin")[0])).not.toMatch(/testsecret|dev-1/);
  });
});

describe("deviceStatusOf", () => {
  it.each(FAILURE_KINDS)("agrees with wireErrorOf on %s", (kind) => {
    const { code, details } = deviceStatusOf(FAILURES[kind]);
    const [info] = details.map(({ value }) => ErrorInfo.decode(value));
    expect([status[code], info?.reason, info?.domain]).toEqual(PROMISED[kind]);
  });

  it("says what the upstream said", () => {
    const { details } = deviceStatusOf(FAILURES.rejected);
    const [info] = details.map(({ value }) => ErrorInfo.decode(value));
    expect(info?.metadata).toEqual({ upstream_code: UPSTREAM.code, request_id: UPSTREAM.requestId });
  });
});
