import { describe, expect, it } from "vitest";
import { consequence, tokenEnd } from "../../../../src/gateway/call/consequence.js";
import type { CallEnd } from "../../../../src/gateway/upstream.js";
import {
  accepted,
  DEVICE_FAULT,
  LOST,
  REJECTED,
  refused,
  THROTTLED,
  UNAVAILABLE,
  UNWRITTEN,
} from "../../../support/fake-upstream.js";

describe("tokenEnd", () => {
  it.each<[string, CallEnd, object]>([
    ["an acceptance", accepted(), { kind: "answered" }],
    ["a rejection", REJECTED, { kind: "answered" }],
    ["a fault of the upstream", UNAVAILABLE, { kind: "answered" }],
    ["a fault of ours", refused({ kind: "internal", recovered: false }), { kind: "answered" }],
    ["a throttle", THROTTLED, { kind: "throttled" }],
    [
      "a throttle that says how long",
      refused({ kind: "throttled" }, { retryAfterMs: 700 }),
      { kind: "throttled", retryAfterMs: 700 },
    ],
    ["a lost call", LOST, { kind: "lost" }],
    ["an unwritten call", UNWRITTEN, { kind: "unwritten" }],
  ])("tells the ledger of %s", (_, end, token) => {
    expect(tokenEnd(end, 200)).toEqual(token);
  });

  it("passes on how long a call took of which the number of devices is known", () => {
    const end = { ...accepted(), waitMs: 30 };
    expect(tokenEnd(end, 200)).toEqual({ kind: "answered", accepted: { devices: 200, waitMs: 30 } });
    expect(tokenEnd(end, 0)).toEqual({ kind: "answered" }); // a call on a whole batch
  });
});

describe("consequence", () => {
  it("accepts all devices of an accepted call", () => {
    expect(consequence(accepted(), 2)).toEqual({ kind: "settle", outcome: { kind: "accepted" } });
  });

  it.each<[string, CallEnd, boolean, string, string]>([
    ["throttled", THROTTLED, false, "not-attempted", "throttled"],
    ["unavailable", UNAVAILABLE, true, "unknown", "unavailable"],
    ["lost", LOST, true, "unknown", "unknown"],
    ["unwritten", UNWRITTEN, true, "not-attempted", "unavailable"],
    [
      "unwritten for want of keys",
      { kind: "unwritten", message: "no keys", ours: true },
      true,
      "not-attempted",
      "internal",
    ],
  ])("sends the devices of a call again that was %s", (_, end, backoff, outcome, kind) => {
    expect(consequence(end, 2)).toMatchObject({
      kind: "repeat",
      backoff,
      outcome: { kind: outcome, failure: { kind } },
    });
  });

  it("sends again when the gateway has recovered itself, and not otherwise", () => {
    const outcome = { kind: "not-attempted", failure: { kind: "internal" } };
    expect(consequence(refused({ kind: "internal", recovered: true }), 2)).toMatchObject({ kind: "repeat", outcome });
    expect(consequence(refused({ kind: "internal", recovered: false }), 2)).toMatchObject({ kind: "settle", outcome });
  });

  it("tells nothing of the cause when the fault is the gateway's own", () => {
    const end = refused({ kind: "internal", recovered: false }, { code: "InvalidAccessKeyId", message: "LTAI" });
    expect(JSON.stringify(consequence(end, 1))).not.toMatch(/AccessKey|LTAI|request/);
  });

  it("rejects a device that was refused by itself, with the upstream's code", () => {
    expect(consequence(DEVICE_FAULT, 1)).toMatchObject({
      kind: "settle",
      outcome: {
        kind: "rejected",
        failure: {
          kind: "rejected",
          rejection: "not-found",
          upstream: { code: "iot.device.NotExistedDevice", requestId: "request" },
        },
      },
    });
  });

  it("tells devices apart when one of several may be the reason, and claims to know nothing until then", () => {
    expect(consequence(DEVICE_FAULT, 2)).toMatchObject({
      kind: "bisect",
      outcome: { kind: "unknown", failure: { kind: "unknown", reason: "BATCH_REJECTED" } },
    });
  });

  it("rejects all in the call for what is the same for all", () => {
    expect(consequence(REJECTED, 2)).toMatchObject({
      kind: "settle",
      outcome: { kind: "rejected", failure: { kind: "rejected", rejection: "precondition" } },
    });
  });
});
