import { describe, expect, it } from "vitest";
import { quotaLine, quotaText } from "../../../src/cli/quota-text.js";
import type { Quota } from "../../../src/client/client.js";

const QUOTA: Quota = {
  account: "default",
  callsPerSecond: 10,
  tokensFree: 9,
  tokensInFlight: 0,
  tokensCooling: 1,
  tokensWithheld: 0,
  waitingDevices: 3,
  waitingCallers: 1,
  expectedWaitMs: 1000,
  ledger: "SHARED",
  counted: "ANSWERED",
};
const PAUSED_UNTIL = new Date("2026-01-01T00:00:30.000Z");

describe("quotaLine", () => {
  const line = (quota: Partial<Quota>) => quotaLine({ ...QUOTA, ...quota });

  it("is short while all is well", () => {
    const usual = "default: 9 of 10 tokens free, 3 devices of 1 caller waiting, a new request waits 1.0 s";
    expect(line({})).toBe(usual);
    expect(line({ ledger: "IN_PROCESS" })).toBe(usual);
  });

  const NO_ESTIMATE = { expectedWaitMs: undefined } as unknown as Partial<Quota>;

  it("says what is in the way, and promises no wait (was: 1.0 s)", () => {
    const obstacle = "no call is answered: no connection to the upstream (ECONNREFUSED)";
    expect(line({ ...NO_ESTIMATE, obstacle, tokensFree: 0 })).toBe(
      `default: 0 of 10 tokens free, 3 devices of 1 caller waiting, OBSTACLE: ${obstacle}`,
    );
    expect(line({ ledger: "AWAY" })).toMatch(
      / waits 1\.0 s, ledger away: this gateway goes on with a share of its own$/,
    );
  });

  it("spells out what a terminal would obey (was: printed it)", () => {
    const hostile = { account: "a\u009b2J", obstacle: "no\u202Eon" };
    const visible = /a\\u\{9B\}2J.*no\\u\{202E\}on/s;
    expect(line(hostile)).toMatch(visible);
    expect(quotaText({ ...QUOTA, ...hostile }, (_, text) => text)).toMatch(visible);
  });

  it("says until when the account is paused", () => {
    expect(line({ pausedUntil: PAUSED_UNTIL })).toMatch(/ waits 1\.0 s, paused until 2026-01-01T00:00:30\.000Z$/);
  });

  it("says what of the free tokens is withheld, and also if fewer are free", () => {
    expect(line({ tokensWithheld: 4 })).toMatch(/^default: 9 of 10 tokens free, 4 of these are withheld, 3 devices/);
    expect(line({ tokensWithheld: 1 })).toMatch(/^default: 9 of 10 tokens free, 1 of these is withheld, 3 devices/);
    expect(line({ tokensFree: 2, tokensWithheld: 4 })).toMatch(
      /^default: 2 of 10 tokens free, 2 of these are withheld, 3 .* waits 1\.0 s, 4 withheld in all$/,
    );
    expect(line({ tokensFree: 0, tokensWithheld: 4 })).toMatch(
      /^default: 0 of 10 tokens free, 3 devices.* waits 1\.0 s, 4 withheld in all$/,
    );
  });
});

describe("quotaText", () => {
  const text = (quota: Partial<Quota>) => quotaText({ ...QUOTA, ...quota }, (_, plain) => plain);

  it("counts each token once (was: 9 free, 1 on its way back and 4 withheld, 14 of 10)", () => {
    expect(text({ tokensWithheld: 4 })).toBe(`account        default
quota          10 calls a second
tokens         9 free, 4 of these are withheld; 0 in calls under way, 1 on their way back
withheld       4: the upstream throttled, so another sender uses the account
waiting        3 devices of 1 caller
expected wait  1.0 s for a new request
ledger         shared by all replicas
`);
    expect(text({})).toContain("\ntokens         9 free, 0 in calls under way, 1 on their way back\n");
  });

  it("says how much earlier tokens return, or until when they do not, if calls count on arrival", () => {
    const counted = (earlyReturn: NonNullable<Quota["earlyReturn"]>) => text({ counted: "ARRIVED", earlyReturn });
    expect(counted({ hiddenMs: 71.6 })).toContain("\ncounted        on arrival: tokens return 72 ms early\n");
    expect(counted({ hiddenMs: 0, fallbackUntil: PAUSED_UNTIL })).toContain(
      "\ncounted        on arrival, not relied on until 2026-01-01T00:00:30.000Z: the upstream throttled\n",
    );
  });

  it("says what is in the way before everything else, and promises no wait then", () => {
    const obstacle = "the shared ledger cannot be reached";
    const away = text({ expectedWaitMs: undefined, obstacle, ledger: "AWAY", pausedUntil: PAUSED_UNTIL } as never);
    expect(away).toMatch(/^account {8}default\nobstacle {7}the shared ledger cannot be reached\n/);
    expect(away).not.toContain("1.0 s");
    expect(away).toContain("\nexpected wait  unknown: see the obstacle\npaused until   2026-01-01T00:00:30.000Z\n");
    expect(away).toContain("\nledger         away: the shared store is out of reach; nothing is sent except what ");
  });
});
