import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Failure, GatewayError } from "../../../../src/gateway/failures.js";
import type { Answer, CallRecord } from "../../../../src/gateway/waiter.js";
import {
  type AuditedEnd,
  type AuditedRequest,
  auditLine,
  auditRecord,
} from "../../../../src/observe/audit/audit-record.js";
import { deviceDigest } from "../../../../src/observe/audit/device-digest.js";
import { runs } from "../../../support/property-runs.js";

const REQUEST: AuditedRequest = {
  account: "default",
  iotInstanceId: "iot-1",
  productKey: "product",
  firmwareId: "firmware",
  jobId: "job",
  deviceNames: ["dev-2", "dev-1", "dev-3"],
  reason: "firmware 1.2.3 bricks the modem",
  requireAll: true,
  verify: true,
};

const SPAN = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
const ASKER = { caller: "spiffe://fleet/ops", rpc: "CancelTasksByDevice", priority: "urgent", span: SPAN };
const TIMES = { askedWallMs: Date.UTC(2026, 0, 1, 12, 0, 0, 7), durationMs: 12.6 };
const EXPIRED: Failure = { kind: "expired", message: "too late" };

function aCall(requestId: string): CallRecord {
  return { sentWallMs: 0, deviceCount: 1, attempts: 1, success: true, requestId, code: "", message: "" };
}

const ANSWER: Answer = {
  outcomes: [{ kind: "accepted" }, { kind: "not-attempted", failure: EXPIRED }, { kind: "unknown", failure: EXPIRED }],
  callIndexes: Int32Array.of(0, -1, 1),
  calls: [aCall("R-1"), aCall(""), aCall("R-2")],
  quotaWaitMs: 5,
};

function record(end: AuditedEnd, request: Partial<AuditedRequest> = {}, withNames = false): Record<string, unknown> {
  return auditRecord({ ...REQUEST, ...request }, ASKER, end, TIMES, withNames) as Record<string, unknown>;
}

describe("auditRecord", () => {
  it("records caller, reason, target and result, always in the same order", () => {
    expect(auditLine(record({ kind: "answered", answer: ANSWER }, {}, true))).toBe(
      '{"time":"2026-01-01T12:00:00.007Z","durationMs":13,"rpc":"CancelTasksByDevice",' +
        '"caller":"spiffe://fleet/ops","reason":"firmware 1.2.3 bricks the modem","account":"default",' +
        '"iotInstanceId":"iot-1","productKey":"product","firmwareId":"firmware","jobId":"job",' +
        '"priority":"urgent","requireAll":true,"verify":true,"outcome":"ok","devices":3,' +
        `"devicesSha256":"${deviceDigest(REQUEST.deviceNames)}",` +
        '"devicesByOutcome":{"accepted":1,"verified-canceled":0,"already-finished":0,"no-task":0,' +
        '"rejected":0,"unknown":1,"not-attempted":1},' +
        '"calls":3,"upstreamRequestIds":["R-1","R-2"],' +
        '"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7",' +
        '"deviceNames":["dev-2","dev-1","dev-3"]}\n',
    );
  });

  it("says what was wrong with a stranger, and does not read through what it sent", () => {
    const error = new GatewayError({ kind: "unauthenticated", message: "no valid credentials" });
    const stranger = { claimed: "billing", why: "expired" };
    const caller = { ...ASKER, caller: "", stranger };
    const line = auditRecord(REQUEST, caller, { kind: "refused", error }, TIMES, true);
    expect(line).toMatchObject({ caller: "", claimedCaller: "billing", error: "unauthenticated", why: "expired" });
    expect(line).toMatchObject({ devices: 3, reason: REQUEST.reason });
    expect(line).not.toHaveProperty("devicesSha256");
    expect(line).not.toHaveProperty("deviceNames");
  });

  it("says that an operation could not be stopped, and in which state it was", () => {
    const error = new GatewayError({ kind: "store-unavailable", message: "no answer" });
    const operation = { name: "operations/1", state: "running", devices: 3, calls: 1, counts: [1, 0, 0, 0, 0, 0, 0] };
    expect(record({ kind: "operation", operation })).toMatchObject({ outcome: "ok", state: "running", devices: 3 });
    const failed = { outcome: "failed", error: "store-unavailable", operation: "operations/1", state: "running" };
    expect(record({ kind: "operation", operation, error })).toMatchObject(failed);
  });

  it("says which code of the upstream was the cause (was: rejected, and no more)", () => {
    const upstream = { code: "iot.ota.FirmwareNotFound", requestId: "R-1" };
    const error = new GatewayError({ kind: "rejected", rejection: "not-found", message: "refused", upstream });
    const line = record({ kind: "answered", answer: ANSWER, error });
    expect(line).toMatchObject({ outcome: "failed", error: "rejected", upstreamCode: "iot.ota.FirmwareNotFound" });
  });

  it("says which fields were beyond the caller's rights", () => {
    const message = "this caller has no right to this account";
    const error = new GatewayError({ kind: "forbidden", message });
    expect(record({ kind: "refused", error })).toMatchObject({ outcome: "refused", error: "forbidden", why: message });
    const invalid = new GatewayError({ kind: "invalid", message: "x", violations: [] });
    expect(record({ kind: "refused", error: invalid })).not.toHaveProperty("why");
  });

  it("says what an rpc failed with, and what it did all the same", () => {
    const error = new GatewayError({ kind: "unknown", reason: "OUTCOME_UNKNOWN", message: "" });
    expect(record({ kind: "answered", answer: ANSWER, error })).toMatchObject({
      outcome: "failed",
      error: "unknown",
      devicesByOutcome: { accepted: 1 },
      upstreamRequestIds: ["R-1", "R-2"],
    });
  });

  it("tells a request that was refused, and why", () => {
    const error = new GatewayError({ kind: "deadline-too-short", message: "too late" });
    expect(record({ kind: "refused", error })).toMatchObject({
      outcome: "refused",
      error: "deadline-too-short",
      caller: "spiffe://fleet/ops",
      reason: REQUEST.reason,
      productKey: "product",
      devices: 3,
      devicesByOutcome: { accepted: 0, rejected: 0, unknown: 0, "not-attempted": 3 },
      calls: 0,
      upstreamRequestIds: [],
    });
  });

  it("does not call a submission refused whose end is not known (was: refused, and nothing sent)", () => {
    const error = new GatewayError({ kind: "submission-unknown", message: "no answer" });
    expect(record({ kind: "refused", error })).toMatchObject({ outcome: "failed", error: "submission-unknown" });
  });

  it("records an unexpected error as the gateway's own, without its text", () => {
    const line = auditLine(record({ kind: "refused", error: new Error("the secret") }));
    expect(JSON.parse(line)).toMatchObject({ outcome: "refused", error: "internal" });
    expect(line).not.toContain("secret");
  });

  it("marks a request that was only validated", () => {
    const validated = record({ kind: "validated" });
    expect(validated).toMatchObject({ outcome: "validated", devicesByOutcome: { "not-attempted": 3 } });
    expect(validated).not.toHaveProperty("error");
  });

  it("has no device names unless they are asked for", () => {
    expect(auditLine(record({ kind: "answered", answer: ANSWER }))).not.toContain("dev-1");
  });

  it("has the sequence of a request in a stream", () => {
    const caller = { ...ASKER, rpc: "StreamCancelTasksByDevice", sequence: 2n ** 63n };
    expect(auditRecord(REQUEST, caller, { kind: "validated" }, TIMES, false)).toMatchObject({
      rpc: "StreamCancelTasksByDevice",
      sequence: "9223372036854775808",
    });
    expect(record({ kind: "validated" })).not.toHaveProperty("sequence");
  });

  it("has no trace where there is none", () => {
    const span = { traceId: "0".repeat(32), spanId: "0".repeat(16) };
    const untraced = auditRecord(REQUEST, { ...ASKER, span }, { kind: "validated" }, TIMES, false);
    expect(untraced).not.toHaveProperty("traceId");
    expect(untraced).not.toHaveProperty("spanId");
  });

  it("bounds what an invalid request can hold", () => {
    const huge = "x".repeat(4_000_000);
    const request = { account: huge, productKey: huge, reason: huge, deviceNames: [huge], jobId: huge };
    const error = new GatewayError({ kind: "invalid", message: "", violations: [] });
    const caller = { ...ASKER, caller: huge };
    const line = auditLine(auditRecord({ ...REQUEST, ...request }, caller, { kind: "refused", error }, TIMES, true));
    expect(line.length).toBeLessThan(2500);
    expect(JSON.parse(line)).toMatchObject({ reason: `${"x".repeat(256)}…`, deviceNames: [`${"x".repeat(64)}…`] });
  });

  it("neither lists nor hashes more names than a request may ever have", () => {
    const deviceNames = Array.from({ length: 100_001 }, () => "");
    const bounded = record({ kind: "validated" }, { deviceNames }, true);
    expect(bounded).not.toHaveProperty("devicesSha256");
    expect(bounded).toMatchObject({ devices: 100_001 });
    expect(bounded["deviceNames"]).toHaveLength(100_000);
  });

  it("bounds the request ids, and says how many calls there were", () => {
    const calls = Array.from({ length: 1500 }, (_, n) => aCall(`R-${n}`));
    const bounded = record({ kind: "answered", answer: { ...ANSWER, calls } });
    expect(bounded["calls"]).toBe(1500);
    expect(bounded["upstreamRequestIds"]).toHaveLength(1000);
  });
});

describe("auditLine", () => {
  it("is one line of visible characters that says exactly what was written", () => {
    const text = fc.string({
      unit: fc.oneof(
        fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
        fc.constantFrom("\n", "\r", "\u2028", "\u2029", "\u0085", "\u009b", "\u202e", "\ud800", "\u{e0041}", '"', "\\"),
      ),
    });
    fc.assert(
      fc.property(text, (reason) => {
        const line = auditLine({ reason });
        expect(line.endsWith("\n")).toBe(true);
        expect(line.slice(0, -1)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
        expect(JSON.parse(line)).toEqual({ reason });
      }),
      { numRuns: runs(2000) },
    );
  });

  it("shows the one ASCII character that JSON leaves invisible", () => {
    expect(auditLine({ reason: "\u007f" })).toBe('{"reason":"\\u007f"}\n');
  });

  it("leaves words of other languages to be read", () => {
    expect(auditLine({ reason: "固件有问题 – größer" })).toBe('{"reason":"固件有问题 – größer"}\n');
  });
});
