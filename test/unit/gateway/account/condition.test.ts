import { describe, expect, it } from "vitest";
import { type ConditionFacts, conditionOf } from "../../../../src/gateway/account/condition.js";
import type { CallTrend, Trouble } from "../../../../src/gateway/account/recent-calls.js";

const NOW_MS = 1_000_000;
const QUIET: CallTrend = { acceptedMs: -Infinity, sentMs: -Infinity, isProven: true };
const OPEN = { mode: "in-process", withheld: 0, pausedUntilMs: -Infinity } as const;

interface Facts extends Partial<Omit<ConditionFacts, "calls" | "ledger">> {
  readonly calls?: Partial<CallTrend>;
  readonly ledger?: Partial<ConditionFacts["ledger"]>;
}

function decide({ calls = {}, ledger = {}, ...rest }: Facts = {}) {
  return conditionOf({
    ledger: { ...OPEN, ...ledger },
    calls: { ...QUIET, ...calls },
    waitingDevices: 0,
    oldestSinceMs: () => undefined,
    nowMs: NOW_MS,
    ...rest,
  });
}

function met(kind: Trouble["kind"], cause = "", agoMs = 100): Pick<CallTrend, "trouble"> {
  return {
    trouble: { kind, cause, sinceMs: NOW_MS - agoMs, endedMs: NOW_MS - agoMs, callers: ["a"], otherCallers: 0 },
  };
}

describe("conditionOf", () => {
  it.each<[string, string, Facts]>([
    ["idle", "", {}],
    ["unproven", "", { calls: { isProven: false } }],
    ["canceling", "", { calls: { acceptedMs: NOW_MS - 2900 } }],
    ["canceling", "", { waitingDevices: 5, calls: { sentMs: NOW_MS - 100, unansweredSinceMs: NOW_MS - 100 } }],
    [
      "refused",
      "the upstream refuses every call: iot.ota.FirmwareNotFound",
      { calls: met("refused", "iot.ota.FirmwareNotFound") },
    ],
    [
      "forbidden",
      "the upstream refuses every call, because the gateway's keys lack a permission: NoPermission",
      { calls: met("forbidden", "NoPermission") },
    ],
    [
      "keys-refused",
      "the upstream does not accept the gateway's own keys, clock or signature: InvalidAccessKeyId.Inactive",
      { calls: met("keys", "InvalidAccessKeyId.Inactive") },
    ],
    [
      "no-answers",
      "no call is answered: no connection to the upstream (ECONNREFUSED)",
      { waitingDevices: 16_000, calls: met("unanswered", "No connection to the upstream (ECONNREFUSED).") },
    ],
    ["failing", "the upstream fails: ServiceUnavailable", { calls: met("failing", "ServiceUnavailable") }],
    [
      "no-answers",
      "no call is answered: calls wait for their answers",
      { calls: { unansweredSinceMs: NOW_MS - 5001 } },
    ],
    [
      "stalled",
      "devices wait, and the ledger grants no token",
      { waitingDevices: 1, oldestSinceMs: () => NOW_MS - 5001 },
    ],
    ["canceling", "", { waitingDevices: 1, oldestSinceMs: () => NOW_MS - 4999 }],
    ["ledger-away", "the store is gone", { ledger: { mode: "away", obstacle: "the store is gone" } }],
    ["ledger-away", "", { ledger: { mode: "away" } }],
    ["throttled", "", { ledger: { withheld: 2 }, calls: { acceptedMs: NOW_MS - 50 } }],
  ])("is %s: %s", (kind, obstacle, facts) => {
    expect(decide(facts)).toMatchObject({ kind, obstacle });
  });

  it("says that a ledger opens, and for how long the upstream asked to wait: both can be foreseen", () => {
    expect(decide({ ledger: { mode: "opening" } })).toMatchObject({ kind: "opening", isForeseeable: true });
    expect(decide({ ledger: { mode: "opening" } }).obstacle).toMatch(/opening/);
    const paused = decide({ ledger: { pausedUntilMs: NOW_MS + 1 }, calls: met("throttled") });
    expect(paused).toMatchObject({ kind: "throttled", isForeseeable: true });
    expect(paused.obstacle).toMatch(/as long as it asked/);
    const { trouble } = met("throttled");
    const calls = trouble && { trouble: { ...trouble, sinceMs: NOW_MS - 3001 } };
    const crowded = decide({ ledger: { pausedUntilMs: NOW_MS + 1 }, ...(calls && { calls }) });
    expect(crowded).toMatchObject({ kind: "throttled", isForeseeable: false });
    expect(crowded.obstacle).toMatch(/throttles every call/);
  });

  it("foresees nothing while calls fail or the ledger is away (was: a new request waits 103 ms)", () => {
    for (const kind of ["keys", "unanswered", "failing", "forbidden", "refused"] as const)
      expect([kind, decide({ calls: met(kind) }).isForeseeable]).toEqual([kind, false]);
    expect(decide({ ledger: { mode: "away", obstacle: "gone" } }).isForeseeable).toBe(false);
  });

  it("calls it canceling as long as some calls are accepted, whatever else is refused", () => {
    expect(decide({ calls: { acceptedMs: NOW_MS - 3000, ...met("refused", "x") } }).kind).toBe("canceling");
    expect(decide({ calls: { acceptedMs: NOW_MS - 3001, ...met("refused", "x") } }).kind).toBe("refused");
  });

  it("forgets after a minute without calls what the last one met", () => {
    expect(decide({ calls: met("refused", "x", 60_000) }).kind).toBe("refused");
    expect(decide({ calls: met("refused", "x", 60_001) }).kind).toBe("idle");
    expect(decide({ calls: { ...met("keys", "x", 60_001), isProven: false } }).kind).toBe("unproven");
  });

  it("puts what stops everything first: the ledger, then the keys and the network, then a pause", () => {
    const calls = met("keys", "x");
    expect(decide({ ledger: { mode: "away", obstacle: "gone" }, calls }).kind).toBe("ledger-away");
    expect(decide({ ledger: { pausedUntilMs: NOW_MS + 1000, withheld: 1 }, calls }).kind).toBe("keys-refused");
  });
});
