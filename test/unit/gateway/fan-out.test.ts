import { describe, expect, it } from "vitest";
import { consequence, tokenEnd } from "../../../src/gateway/fan-out.js";
import type { Seat } from "../../../src/gateway/lane.js";
import type { CallEnd } from "../../../src/gateway/upstream.js";
import { aWaiter } from "../../support/fake-command.js";
import {
  accepted,
  DEVICE_FAULT,
  LOST,
  REJECTED,
  refused,
  THROTTLED,
  UNAVAILABLE,
  UNWRITTEN,
} from "../../support/fake-upstream.js";

const [a, b] = [aWaiter({ caller: "a", deviceNames: ["x", "y"] }), aWaiter({ caller: "b", deviceNames: ["y"] })];
const alone: Seat[] = [
  { name: "x", owners: [{ waiter: a, index: 0 }] },
  { name: "y", owners: [{ waiter: a, index: 1 }] },
];
const shared: Seat[] = [
  { name: "x", owners: [{ waiter: a, index: 0 }] },
  {
    name: "y",
    owners: [
      { waiter: a, index: 1 },
      { waiter: b, index: 0 },
    ],
  },
];

describe("tokenEnd", () => {
  it.each<[string, CallEnd, object]>([
    ["an acceptance", accepted(), { kind: "answered" }],
    ["a rejection", REJECTED, { kind: "answered" }],
    ["a fault of the upstream", UNAVAILABLE, { kind: "answered" }],
    ["a fault of ours", refused({ kind: "internal", mended: false }), { kind: "answered" }],
    ["a throttle", THROTTLED, { kind: "throttled" }],
    [
      "a throttle that says how long",
      refused({ kind: "throttled" }, { retryAfterMs: 700 }),
      { kind: "throttled", retryAfterMs: 700 },
    ],
    ["a lost call", LOST, { kind: "lost" }],
    ["an unwritten call", UNWRITTEN, { kind: "unwritten" }],
  ])("tells the ledger of %s", (_, end, token) => {
    expect(tokenEnd(end)).toEqual(token);
  });
});

describe("consequence", () => {
  it("accepts all devices of an accepted call", () => {
    expect(consequence(accepted(), shared, 1)).toEqual({ kind: "settle", fate: { outcome: "accepted" } });
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
    expect(consequence(end, shared, 7)).toMatchObject({
      kind: "repeat",
      backoff,
      fate: { outcome, failure: { kind } },
    });
  });

  it("sends again once after the gateway has mended itself, and no more", () => {
    const mended = refused({ kind: "internal", mended: true });
    expect(consequence(mended, alone, 1)).toMatchObject({ kind: "repeat", backoff: false });
    const settled = { kind: "settle", fate: { outcome: "not-attempted", failure: { kind: "internal" } } };
    expect(consequence(mended, alone, 2)).toMatchObject(settled);
    expect(consequence(refused({ kind: "internal", mended: false }), alone, 1)).toMatchObject(settled);
  });

  it("tells nothing of the cause when the fault is the gateway's own", () => {
    const end = refused({ kind: "internal", mended: false }, { code: "InvalidAccessKeyId", message: "LTAI" });
    expect(JSON.stringify(consequence(end, alone, 1))).not.toMatch(/AccessKey|LTAI|request/);
  });

  it("rejects the devices of a sole owner, with the upstream's code", () => {
    expect(consequence(DEVICE_FAULT, alone, 1)).toMatchObject({
      kind: "settle",
      fate: {
        outcome: "rejected",
        failure: {
          kind: "rejected",
          rejection: "not-found",
          upstream: { code: "iot.device.NotExistedDevice", requestId: "request" },
        },
      },
    });
  });

  it("does not claim to know whose device it was when several were on board", () => {
    expect(consequence(DEVICE_FAULT, shared, 1)).toMatchObject({
      kind: "settle",
      fate: { outcome: "unknown", failure: { kind: "unknown", reason: "BATCH_REJECTED" } },
    });
  });

  it("rejects all on board for what is the same for all", () => {
    expect(consequence(REJECTED, shared, 1)).toMatchObject({
      kind: "settle",
      fate: { outcome: "rejected", failure: { kind: "rejected", rejection: "precondition" } },
    });
  });
});
