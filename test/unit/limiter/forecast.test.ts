import { describe, expect, it } from "vitest";
import type { LedgerState, TokenEnd } from "../../../src/gateway/limiter.js";
import { forecastOf } from "../../../src/limiter/forecast.js";
import { started, startMs, UNPACED } from "../../../src/limiter/token-rule.js";
import { FakeLimiter } from "../../support/fake-limiter.js";
import { HandClock } from "../../support/hand-clock.js";

const CALL_TIMEOUT_MS = 10_000;

interface Account {
  readonly clock: HandClock;
  readonly limiter: FakeLimiter;
}

/** Sends `count` calls as soon as the ledger allows; resolves with the times of their starts. */
function send({ clock, limiter }: Account, count: number, answerMs: number, end: TokenEnd = { kind: "answered" }) {
  const startsMs: number[] = [];
  const run = async () => {
    while (startsMs.length < count) {
      const token = await limiter.take({ priority: "normal", newcomer: false }, new AbortController().signal);
      startsMs.push(clock.now());
      clock.at(clock.now() + answerMs, () => token.settle(end));
    }
  };
  void run();
  return startsMs;
}

/** Situations to estimate in, each with how long an answer takes. */
const SITUATIONS: readonly (readonly [string, number, (account: Account) => Promise<void>])[] = [
  ["an idle account", 20, async () => {}],
  ["an idle account with slow answers", 1500, async () => {}],
  [
    "an account under load",
    100,
    async (account) => {
      send(account, 25, 100);
      await account.clock.advance(2800);
    },
  ],
  [
    "calls in flight",
    700,
    async (account) => {
      send(account, 6, 700);
      await account.clock.advance(601);
    },
  ],
  [
    "a pause",
    600,
    async (account) => {
      send(account, 1, 20, { kind: "throttled", retryAfterMs: 5000 });
      await account.clock.advance(30);
    },
  ],
  [
    "tokens withheld for foreign traffic",
    50,
    async (account) => {
      for (let nth = 0; nth < 4; nth++) {
        send(account, 1, 20, { kind: "throttled", retryAfterMs: 30 });
        await account.clock.advance(200);
      }
    },
  ],
  [
    "half of the tokens lost for long",
    50,
    async (account) => {
      send(account, 5, CALL_TIMEOUT_MS, { kind: "lost" });
      await account.clock.advance(CALL_TIMEOUT_MS + 500);
    },
  ],
];

describe("forecastOf", () => {
  it.each(SITUATIONS)(
    "is right to within 200 ms, for all calls of the next nine seconds, in %s",
    async (_, answerMs, prepare) => {
      const clock = new HandClock();
      const account = { clock, limiter: new FakeLimiter({ clock, callTimeoutMs: CALL_TIMEOUT_MS }) };
      await prepare(account);
      const expected = account.limiter.forecast(answerMs);
      const actualMs = send(account, 80, answerMs);
      await clock.advance(9000); // later, withheld tokens are used again
      expect(actualMs.length).toBeGreaterThan(20);
      for (const [nth, startMs] of actualMs.entries()) {
        const expectedMs = expected(nth);
        expect({ nth, startMs, expectedMs, right: Math.abs(expectedMs - startMs) <= 200 }).toMatchObject({
          right: true,
        });
      }
    },
  );

  it("is now for the first call of an idle account, exactly", () => {
    const clock = new HandClock({ nowMs: 1234.5 });
    expect(new FakeLimiter({ clock }).forecast(50)(0)).toBe(1234.5);
  });

  it("waits for the ledger to open", () => {
    const clock = new HandClock();
    const expectedMs = new FakeLimiter({ clock, openingMs: 2000 }).forecast(50);
    expect(expectedMs(0)).toBe(2000);
    expect(expectedMs(4)).toBeCloseTo(2400, -1);
  });

  it("does not let a lost token hold up the calls that others can carry (was: twelve seconds for one token)", () => {
    const ledger = {
      mode: "in-process",
      callsPerSecond: 2,
      free: 1,
      spaceMs: 500,
      inFlightSinceMs: [],
      coolingUntilMs: [12_000],
      withheld: 0,
      pausedUntilMs: -Infinity,
    } as const;
    expect(forecastOf(ledger, 100, 0)(1)).toBeCloseTo(1100, -1);
    expect(forecastOf(ledger, 100, 0)(3)).toBeCloseTo(3300, -1);
  });

  it("expects one token to be used, however many are withheld (was: not a number, then never, which ended the process)", () => {
    for (const withheld of [3, 4, 20]) {
      const ledger = {
        mode: "shared",
        callsPerSecond: 4,
        free: 2,
        spaceMs: 250,
        inFlightSinceMs: [990],
        coolingUntilMs: [1500],
        withheld,
        pausedUntilMs: -Infinity,
      } as const;
      expect([0, 1, 2].map((nth) => Math.round(forecastOf(ledger, 100, 1000)(nth)))).toEqual([2090, 3190, 4290]);
    }
  });

  it("keeps the places behind a late token as the ledger does (was: all of half a space, and not nine tenths)", () => {
    const backMs = [1000, 1140, 1150, 1160, 1170];
    const ledger: LedgerState = {
      mode: "in-process",
      callsPerSecond: backMs.length,
      free: 0,
      spaceMs: 200,
      inFlightSinceMs: [],
      coolingUntilMs: backMs,
      withheld: 0,
      pausedUntilMs: -Infinity,
    };
    let pace = UNPACED;
    for (const [nth, tokenBackMs] of backMs.entries()) {
      const atMs = startMs(pace, backMs.length, 1, false, tokenBackMs) as number;
      pace = started(pace, backMs.length, atMs);
      expect(Math.abs(forecastOf(ledger, 50, 0)(nth) - atMs)).toBeLessThanOrEqual(1);
    }
  });

  it("never goes down with the number of calls before", () => {
    const ledger = {
      mode: "in-process",
      callsPerSecond: 7,
      free: 2,
      spaceMs: 1000 / 7,
      inFlightSinceMs: [900, 990],
      coolingUntilMs: [1100, 1900, 13_000],
      withheld: 1,
      pausedUntilMs: 1050,
    } as const;
    let beforeMs = 0;
    for (let nth = 0; nth < 300; nth++) {
      const startMs = forecastOf(ledger, 80, 1000)(nth);
      expect(startMs).toBeGreaterThanOrEqual(beforeMs);
      beforeMs = startMs;
    }
  });
});
