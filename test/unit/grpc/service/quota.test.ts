import { describe, expect, it } from "vitest";
import { Gateway } from "../../../../src/gateway/gateway.js";
import { Counted, Ledger } from "../../../../src/gen/ota/v1/ota_service.js";
import { quotaResponseOf } from "../../../../src/grpc/service/quota.js";
import { EQUAL } from "../../../support/fake-callers.js";
import { aCommand, aScope, names } from "../../../support/fake-command.js";
import { FakeLimiter } from "../../../support/fake-limiter.js";
import { FakeLog } from "../../../support/fake-log.js";
import { accepted, FakeUpstream, type Reply, refused } from "../../../support/fake-upstream.js";
import { HandClock } from "../../../support/hand-clock.js";

const EPOCH_MS = Date.UTC(2026, 0, 1);

/** `replies` are told in turn; then all is accepted after 20 ms. */
function start({ openingMs = 0, replies = [] as Reply[] } = {}) {
  const clock = new HandClock({ wallMs: EPOCH_MS });
  const limiter = new FakeLimiter({ clock, openingMs });
  const upstream = new FakeUpstream({ clock, reply: (_, nth) => replies[nth] });
  const bounds = { queuedDevices: 1e6, queuedDevicesPerCaller: 1e6 };
  const log = new FakeLog();
  const gateway = new Gateway({
    account: "default",
    clock,
    limiter,
    upstream,
    log,
    callers: EQUAL,
    random: () => 0.5,
    bounds,
  });
  const quota = () => quotaResponseOf("default", gateway.monitor.state());
  const cancel = (caller: string, devices: number, productKey = "product") =>
    gateway.cancel(
      aCommand({ caller, scope: aScope(productKey), deviceNames: names(devices, 0, caller), answerByMs: Infinity }),
    );
  return { clock, gateway, quota, cancel };
}

const IDLE = {
  account: "default",
  callsPerSecond: 10,
  tokensFree: 10,
  tokensInFlight: 0,
  tokensCooling: 0,
  tokensWithheld: 0,
  waitingDevices: 0n,
  waitingCallers: 0,
  expectedWait: { seconds: 0n, nanos: 0 },
  pausedUntil: undefined,
  ledger: Ledger.IN_PROCESS,
  obstacle: "",
  counted: Counted.ANSWERED,
  earlyReturn: undefined,
};

/** The estimate is exact to a millisecond. */
function aboutMs(ms: number) {
  const nanos = expect.closeTo((ms % 1000) * 1e6, -7);
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos };
}

describe("quotaResponseOf", () => {
  it("shows an idle account", () => {
    expect(start().quota()).toEqual(IDLE);
  });

  it("shows a ledger that opens: all tokens on their way back, and until when", async () => {
    const { clock, quota, cancel } = start({ openingMs: 2000 });
    cancel("a", 30);
    await clock.advance(500);
    expect(quota()).toEqual({
      ...IDLE,
      tokensFree: 0,
      tokensCooling: 10,
      waitingDevices: 30n,
      waitingCallers: 1,
      expectedWait: aboutMs(1600), // the other's call, then the next
      ledger: Ledger.OPENING,
      obstacle: "the ledger is opening: nothing is sent until earlier calls no longer count",
    });
    await clock.advance(3000);
    expect(quota()).toEqual(IDLE);
  });

  it("shows a busy account: calls under way, tokens on their way back, who waits and how long", async () => {
    const { clock, quota, cancel } = start({ replies: [20, 5000].map((delayMs) => ({ end: accepted(), delayMs })) });
    cancel("a", 3000);
    cancel("b", 1000, "other");
    await clock.advance(250);
    const { tokensFree, tokensInFlight, tokensCooling, waitingDevices, waitingCallers, expectedWait } = quota();
    expect([tokensFree, tokensInFlight, tokensCooling]).toEqual([6, 1, 3]);
    // Four calls are gone: at first each scope was a newcomer.
    expect([waitingDevices, waitingCallers]).toEqual([3200n, 2]);
    expect(Number(expectedWait?.seconds)).toBe(0);
    expect(expectedWait?.nanos).toBeGreaterThan(0);
  });

  it("shows a paused account, and tokens left to somebody else", async () => {
    const throttled = refused({ kind: "throttled" }, { retryAfterMs: 3000 });
    const { clock, quota, cancel } = start({ replies: [{ end: throttled, delayMs: 20 }] });
    cancel("a", 10);
    await clock.advance(520);
    expect(quota()).toEqual({
      ...IDLE,
      tokensFree: 9,
      tokensCooling: 1,
      tokensWithheld: 1,
      waitingDevices: 10n,
      waitingCallers: 1,
      expectedWait: aboutMs(2600),
      pausedUntil: { seconds: BigInt(EPOCH_MS / 1000) + 3n, nanos: 20_000_000 },
      obstacle: "the upstream throttled a call: nothing is sent for as long as it asked",
    });
    await clock.advance(3000);
    expect(quota()).toMatchObject({ pausedUntil: undefined, tokensWithheld: 1, waitingDevices: 0n });
    await clock.advance(10_000);
    expect(quota()).toEqual(IDLE);
  });

  it("shows no fewer than no tokens cooling when more are out than there are, since the quota was lowered", () => {
    const ledger = {
      ...new FakeLimiter({ clock: new HandClock() }).state(),
      free: 0,
      inFlightSinceMs: Array(12).fill(0),
    };
    const state = { ledger, waitingDevices: 0, waitingCallers: 0, expectedWaitMs: 0, obstacle: "" };
    expect(quotaResponseOf("default", state)).toMatchObject({ tokensFree: 0, tokensInFlight: 12, tokensCooling: 0 });
  });

  it("shows how much earlier tokens return, and until when they do not, if calls count on arrival", async () => {
    const { clock, gateway } = start();
    const shown = (fallbackUntilWallMs?: number) => {
      const state = gateway.monitor.state();
      const ledger = { ...state.ledger, arrived: { hiddenMs: 72.5, fallbackUntilMs: clock.now() } };
      return quotaResponseOf("default", { ...state, ledger, ...(fallbackUntilWallMs && { fallbackUntilWallMs }) });
    };
    const hidden = { seconds: 0n, nanos: 72_500_000 };
    expect(shown()).toMatchObject({ counted: Counted.ARRIVED, earlyReturn: { hidden, fallbackUntil: undefined } });
    const fallbackUntil = { seconds: BigInt(EPOCH_MS / 1000) + 3n, nanos: 0 };
    expect(shown(EPOCH_MS + 3000)).toMatchObject({ earlyReturn: { fallbackUntil } });
  });
});
