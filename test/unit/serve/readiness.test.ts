import { describe, expect, it } from "vitest";
import type { Condition } from "../../../src/gateway/account/condition.js";
import type { CallTrend, Trouble } from "../../../src/gateway/account/recent-calls.js";
import type { LedgerMode } from "../../../src/gateway/limiter.js";
import { ReadinessRule } from "../../../src/serve/readiness.js";
import { HandClock } from "../../support/hand-clock.js";

/** One account in a state that a test changes. */
function start({ isTried = true } = {}) {
  const clock = new HandClock();
  const account = {
    kind: "idle" as Condition["kind"],
    obstacle: "",
    mode: "shared" as LedgerMode,
    acceptedMs: -Infinity,
    isProven: false,
    trouble: undefined as Trouble | undefined,
  };
  const meets = (kind: Trouble["kind"], cause: string) => {
    account.trouble = { kind, cause, sinceMs: 0, endedMs: 0, callers: [], otherCallers: 0 };
    account.obstacle = cause;
  };
  const calls = (): CallTrend => ({
    acceptedMs: account.acceptedMs,
    sentMs: 0,
    isProven: account.isProven,
    ...(account.trouble && { trouble: account.trouble }),
  });
  const rule = new ReadinessRule({
    clock,
    isTried,
    accounts: () => [
      {
        condition: () => ({ kind: account.kind, obstacle: account.obstacle, isForeseeable: true }),
        calls,
        mode: () => account.mode,
      },
    ],
  });
  return { clock, account, rule, meets };
}

describe("ReadinessRule", () => {
  it("waits for the ledger, then for one answer, and is ok", () => {
    const { account, rule } = start();
    account.mode = "opening";
    expect(rule.now()).toBe("opening");
    account.mode = "shared";
    expect(rule.now()).toBe("unproven");
    account.isProven = true;
    expect(rule.now()).toBe("ok");
  });

  it("asks for no proof where none is looked for", () => {
    expect(start({ isTried: false }).rule.now()).toBe("ok");
  });

  it("is never ready with wrong keys or a misspelt endpoint, so that a rollout stops (was: ok)", async () => {
    for (const [kind, cause] of [
      ["keys", "SignatureDoesNotMatch"],
      ["unanswered", "No connection to the upstream (ENOTFOUND)."],
      ["unanswered", "No connection to the upstream (ERR_TLS_CERT_ALTNAME_INVALID)."],
    ] as const) {
      const { clock, rule, meets } = start();
      meets(kind, cause);
      expect(rule.now()).toBe("unproven");
      await clock.advance(600_000);
      expect(rule.now()).toBe("unproven");
    }
  });

  it("comes into service after a minute where the upstream may be out of order for everybody", async () => {
    const { clock, rule, meets } = start();
    meets("unanswered", "No connection to the upstream (ECONNREFUSED).");
    expect(rule.now()).toBe("unproven");
    await clock.advance(59_999);
    expect(rule.now()).toBe("unproven");
    await clock.advance(1);
    expect(rule.now()).toBe("degraded");
  });

  it("stays in service once it was ready, whatever happens to keys, network and ledger", () => {
    const { account, rule, meets } = start();
    account.isProven = true;
    expect(rule.now()).toBe("ok");
    account.isProven = false;
    meets("keys", "InvalidAccessKeyId.Inactive");
    expect(rule.now()).toBe("degraded");
    account.mode = "away";
    expect(rule.now()).toBe("degraded");
  });

  it("is degraded, not away, if it has served, also when nobody had asked before (was: away)", () => {
    const { account, rule } = start();
    account.acceptedMs = 5;
    account.mode = "away";
    expect(rule.now()).toBe("degraded");
    expect(start().rule.now()).toBe("unproven");
  });

  it("is not degraded by another user of the quota, nor ready while it drains", () => {
    const { account, rule } = start();
    account.isProven = true;
    account.kind = "throttled";
    account.obstacle = "the upstream throttles";
    expect(rule.now()).toBe("ok");
    account.kind = "refused";
    expect(rule.now()).toBe("degraded");
    rule.drain();
    expect(rule.now()).toBe("draining");
  });
});
