import { beforeEach, describe, expect, it } from "vitest";
import type { Limiter } from "../../../src/gateway/limiter.js";
import { BLAMED_MS, EarlyReturn, FALLBACK_MS } from "../../../src/limiter/early-return.js";
import { createInProcessLedger } from "../../../src/limiter/in-process.js";
import { createLazyLedger } from "../../../src/limiter/lazy.js";
import { RoundTrips } from "../../../src/limiter/round-trips.js";
import { createSharedLedger } from "../../../src/limiter/shared/ledger.js";
import { OPENING_MS } from "../../../src/limiter/token-rule.js";
import { FakeLog } from "../../support/fake-log.js";
import { HandClock } from "../../support/hand-clock.js";
import { LuaStore } from "../../support/lua-store.js";

const FULL = { devices: 200, waitMs: 120 };
const NORMAL = { priority: "normal", newcomer: false } as const;
const never = new AbortController().signal;

let clock: HandClock;
let log: FakeLog;

beforeEach(() => {
  clock = new HandClock();
  log = new FakeLog();
});

/** The way there and back takes 20 ms, so that 100 of 120 are work. */
function anEarlyReturn(measure: () => Promise<number | undefined> = async () => 20): EarlyReturn {
  return new EarlyReturn({ clock, log, roundTrips: new RoundTrips({ clock, measure }) });
}

/** So many answers, four a second by default. Returns how much earlier the last token returns. */
async function learn(early: EarlyReturn, accepted = FULL, answers = 60, everyMs = 250): Promise<number> {
  let hiddenMs = 0;
  for (let n = 0; n < answers; n++) {
    await clock.advance(everyMs);
    hiddenMs = early.answered(accepted);
  }
  return hiddenMs;
}

describe("EarlyReturn", () => {
  it("returns a token earlier by the work in a call, once enough is known", async () => {
    const early = anEarlyReturn();
    expect(early.answered(FULL)).toBe(0);
    expect(await learn(early)).toBeCloseTo(100);
    expect(early.state.hiddenMs).toBeCloseTo(100);
  });

  it("concludes nothing for a smaller call from larger ones, and something for a larger one", async () => {
    const early = anEarlyReturn();
    await learn(early);
    expect(early.answered({ ...FULL, devices: 199 })).toBe(0);
    expect(early.answered({ ...FULL, devices: 201 })).toBeCloseTo(100);
  });

  it("returns no token early for a call that was refused", async () => {
    const early = anEarlyReturn();
    await learn(early);
    expect(early.answered(undefined)).toBe(0);
  });

  it.each([
    ["fail", async () => undefined],
    ["are not answered", () => new Promise<never>(() => {})],
  ])("returns no token early while measurements %s", async (_, measure) => {
    expect(await learn(anEarlyReturn(measure))).toBe(0);
  });

  it("concludes nothing until the way has been measured for nine seconds, however often it was", async () => {
    const early = anEarlyReturn();
    expect(await learn(early, FULL, 90, 100)).toBe(0);
    expect(await learn(early, FULL, 10, 100)).toBeCloseTo(100);
  });

  it.each([
    ["counts a way that lasted for five seconds, even if it has become shorter", 5000, 60],
    ["does not count a way that lasted for three seconds", 3000, 100],
  ])("%s", async (_, forMs, hiddenMs) => {
    const isLonger = () => clock.now() >= 5000 && clock.now() < 5000 + forMs;
    expect(await learn(anEarlyReturn(async () => (isLonger() ? 60 : 20)))).toBeCloseTo(hiddenMs);
  });

  it("forgets what it learned before a pause", async () => {
    const early = anEarlyReturn();
    await learn(early);
    await clock.advance(60_000);
    expect(early.answered(FULL)).toBe(0);
  });

  it("takes a longer wait of all calls for work only after ten minutes of it", async () => {
    const early = anEarlyReturn();
    await learn(early);
    const slow = { ...FULL, waitMs: 520 };
    expect(await learn(early, slow)).toBeCloseTo(100);
    expect(await learn(early, slow, 4 * 520)).toBeCloseTo(100);
    expect(await learn(early, slow, 4 * 80)).toBeCloseTo(500);
  });

  it("believes at once that calls take less work", async () => {
    const early = anEarlyReturn();
    await learn(early);
    const fast = { ...FULL, waitMs: 60 };
    expect(early.answered(fast)).toBe(0); // there may be still faster ones
    expect(early.answered(FULL)).toBe(0);
    expect(await learn(early, fast, 9)).toBeCloseTo(40);
  });

  it("returns no token early for ten minutes after a throttle, and says so once", async () => {
    const early = anEarlyReturn();
    await learn(early);
    expect(early.throttled(clock.now())).toBe(true);
    expect(early.state).toEqual({ hiddenMs: 0, fallbackUntilMs: clock.now() + FALLBACK_MS });
    expect(early.throttled(clock.now())).toBe(true);
    expect(log.lines).toEqual([expect.objectContaining({ level: "warn", fields: { minutes: 10 } })]);
    expect(await learn(early)).toBe(0);
    await clock.advance(FALLBACK_MS);
    expect(await learn(early)).toBeCloseTo(100);
  });

  it("blames a throttle on a token that returned early before its call was sent, however late it is answered", async () => {
    const early = anEarlyReturn();
    await learn(early);
    const sentMs = clock.now() + BLAMED_MS - 1;
    await clock.advance(2 * BLAMED_MS);
    expect(early.throttled(sentMs)).toBe(true);
    expect(early.state.fallbackUntilMs).toBe(clock.now() + FALLBACK_MS);
  });

  it("takes a throttle for that of another sender if no token returned early lately", async () => {
    const early = anEarlyReturn();
    await learn(early);
    await clock.advance(BLAMED_MS);
    expect(early.throttled(clock.now())).toBe(false);
    expect(early.state.fallbackUntilMs).toBe(-Infinity);
    expect(log.lines).toEqual([]);
  });
});

const opened = createInProcessLedger;
const openedLazily: typeof opened = (options) =>
  createLazyLedger({ ...options, open: () => opened(options), mode: "in-process", quietMs: undefined });

describe.each([
  ["createInProcessLedger", opened],
  ["createLazyLedger", openedLazily],
])("%s", (_, open) => {
  it("has the token of an accepted call back earlier by what was learned", async () => {
    const early = anEarlyReturn();
    await learn(early);
    const ledger = open({ clock, callsPerSecond: 1, callTimeoutMs: 1000, sinceMs: clock.now() - OPENING_MS, early });
    const taking = ledger.take(NORMAL, never);
    do await clock.advance(0);
    while (ledger.state().inFlightSinceMs.length === 0);
    const token = await taking;
    token.send();
    await clock.advance(120);
    early.answered(FULL);
    token.settle({ kind: "answered", accepted: FULL });
    expect(token.hiddenMs).toBeCloseTo(100);
    do await clock.advance(0);
    while (ledger.state().coolingUntilMs.length === 0);
    expect(ledger.state().coolingUntilMs[0]).toBeCloseTo(clock.now() + 900);
    expect(ledger.state().arrived?.hiddenMs).toBeCloseTo(100);
    await ledger.close();
  });
});

describe("createSharedLedger", () => {
  interface Replica {
    readonly early: EarlyReturn;
    readonly ledger: Limiter;
  }

  /** Replica a returns tokens early, and b has just sent a call. The store can be cut off. */
  async function twoReplicas(counted: "arrived" | "answered") {
    const lua = new LuaStore(clock);
    const link = { isCut: false };
    const run = async (args: readonly string[]) => {
      if (link.isCut) throw new Error("the store is away");
      return lua.run(args);
    };
    const replicaOf = (replica: string, isRelied: boolean): Replica => {
      const early = anEarlyReturn();
      const wakeUps = {
        wake: (message: string) => lua.wake(message),
        onWake: (wake: (message: string) => void) => lua.listen(wake),
      };
      const common = {
        clock,
        log: new FakeLog(),
        callsPerSecond: 10,
        callTimeoutMs: 500,
        onStoreLoss: "closed",
      } as const;
      const ledger = createSharedLedger({ ...common, store: { run, ...wakeUps }, replica, ...(isRelied && { early }) });
      return { early, ledger };
    };
    const a = replicaOf("a", true);
    const b = replicaOf("b", counted === "arrived");
    await clock.advance(3000);
    await learn(a.early);
    const taking = b.ledger.take(NORMAL, never).then((token) => {
      token.send();
      return token;
    });
    await clock.advance(1000);
    return { a, b, token: await taking, link };
  }

  async function expectFallback(...replicas: readonly Replica[]): Promise<void> {
    await clock.advance(2500);
    for (const { ledger } of replicas) {
      expect(ledger.state().arrived?.fallbackUntilMs).toBeGreaterThan(clock.now() + FALLBACK_MS - 3000);
      expect(ledger.state().arrived?.hiddenMs).toBe(0);
    }
  }

  it("stops early returns on all replicas after a throttle of one", async () => {
    const { a, b, token } = await twoReplicas("arrived");
    token.settle({ kind: "throttled", retryAfterMs: 10 });
    await expectFallback(a, b);
  });

  it("stops early returns after a throttle of a replica that does not rely on the assertion", async () => {
    const { a, token } = await twoReplicas("answered");
    token.settle({ kind: "throttled", retryAfterMs: 10 });
    await expectFallback(a);
  });

  it("stops early returns after a throttle of which the store learns late", async () => {
    const { a, token, link } = await twoReplicas("arrived");
    link.isCut = true;
    token.settle({ kind: "throttled", retryAfterMs: 10 });
    await clock.advance(2 * BLAMED_MS);
    link.isCut = false;
    await expectFallback(a);
  });
});
