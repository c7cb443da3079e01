import { describe, expect, it } from "vitest";
import type { Command } from "../../../src/gateway/command.js";
import { GatewayError } from "../../../src/gateway/failures.js";
import { Gateway, type Request } from "../../../src/gateway/gateway.js";
import { EQUAL } from "../../support/fake-callers.js";
import { aCommand, aScope, names } from "../../support/fake-command.js";
import { FakeLimiter } from "../../support/fake-limiter.js";
import { FakeLog } from "../../support/fake-log.js";
import { accepted, FakeUpstream, LOST, REJECTED, type Reply, refused, THROTTLED } from "../../support/fake-upstream.js";
import { HandClock, settle } from "../../support/hand-clock.js";

const BOUNDS = { queuedDevices: 10_000, queuedDevicesPerCaller: 5000 };

/** A gateway with its surroundings. Calls get `replies` in turn, then are accepted after 20 ms. */
function start({ replies = [] as Reply[], openingMs = 0, clock = new HandClock() } = {}) {
  const limiter = new FakeLimiter({ clock, openingMs });
  const upstream = new FakeUpstream({ clock, reply: (_, nth) => replies[nth] });
  const options = {
    account: "default",
    clock,
    limiter,
    upstream,
    log: new FakeLog(),
    callers: EQUAL,
    random: () => 0.5,
    bounds: BOUNDS,
  };
  const gateway = new Gateway(options);
  const cancel = (command: Partial<Command> = {}) =>
    gateway.cancel(aCommand({ answerByMs: clock.now() + 60_000, ...command }));
  return { clock, limiter, upstream, gateway, cancel };
}

/** Each reading is a little later than the one before, as with a real clock. */
class TickingClock extends HandClock {
  #readings = 0;

  override now(): number {
    return super.now() + ++this.#readings * 1e-6;
  }
}

async function outcomes({ answer }: Request): Promise<string[]> {
  return (await answer).outcomes.map(({ kind }) => kind);
}

async function errorOf({ answer }: Pick<Request, "answer">): Promise<GatewayError> {
  const error = await answer.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof GatewayError) return error;
  throw new Error("no GatewayError", { cause: error });
}

function thrownBy(act: () => unknown): GatewayError {
  try {
    act();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("Gateway.cancel", () => {
  it("answers when every device has its outcome, and lets go of the deadline", async () => {
    const { clock, cancel } = start();
    const request = cancel({ deviceNames: names(450) });
    await clock.advance(1000);
    expect(await outcomes(request)).toEqual(Array(450).fill("accepted"));
    expect((await request.answer).calls.map(({ deviceCount }) => deviceCount)).toEqual([200, 200, 50]);
    expect((await request.answer).quotaWaitMs).toBeCloseTo(200.72, 2);
    expect(clock.armed).toBe(0);
  });

  it("refuses at arrival what cannot be done in time", () => {
    const { cancel, limiter } = start({ openingMs: 2000 });
    expect(thrownBy(() => cancel({ answerByMs: 1000 })).failure.kind).toBe("deadline-too-short");
    expect(thrownBy(() => cancel({ deviceNames: names(5001) })).failure.kind).toBe("invalid");
    expect(limiter.wishes).toEqual([]);
  });

  it("reports a ledger that granted nothing as the reason, and not a short deadline, to requests that waited for it", async () => {
    const { clock, limiter, cancel } = start({ openingMs: 5000 });
    limiter.obstacle = "the ledger is away";
    const failure = thrownBy(() => cancel({ answerByMs: 1000 })).failure;
    expect(failure).toMatchObject({ kind: "unavailable", message: expect.stringMatching(/^the ledger is away; /) });
    await clock.advance(2); // so soon, the forecast of the request before is used (was: without its reason)
    const patient = cancel({ answerByMs: 5600, deviceNames: names(1000) });
    await clock.advance(4997);
    limiter.obstacle = ""; // it comes back, and somebody more urgent goes first
    const late = cancel({ priority: "urgent", deviceNames: names(1000, 0, "urgent-") });
    await clock.advance(2000);
    expect((await patient.answer).outcomes.at(-1)).toMatchObject({
      kind: "not-attempted",
      failure: { kind: "unavailable", message: "no token was available in time: the ledger is away" },
    });
    expect(await outcomes(late)).toEqual(Array(1000).fill("accepted"));
  });

  it("reports it to a request too that was the last one to arrive meanwhile (was: the deadline)", async () => {
    const { clock, limiter, cancel } = start({ openingMs: 5000, clock: new TickingClock() });
    limiter.obstacle = "the ledger is away";
    const last = cancel({ answerByMs: 5600, deviceNames: names(1000) });
    await clock.advance(4999);
    limiter.obstacle = "";
    cancel({ priority: "urgent", deviceNames: names(1000, 0, "urgent-") });
    await clock.advance(2000);
    expect((await last.answer).outcomes.at(-1)).toMatchObject({ failure: { kind: "unavailable" } });
  });

  it("reports it also if it began after the request and ended before its deadline, and only a look at the account saw it", async () => {
    const { clock, limiter, gateway, cancel } = start({ openingMs: 5000 });
    const only = cancel({ answerByMs: 5600, deviceNames: names(1000) });
    await clock.advance(1000);
    limiter.obstacle = "the ledger is away";
    gateway.monitor.condition();
    await clock.advance(3000);
    limiter.obstacle = "";
    cancel({ priority: "urgent", deviceNames: names(1000, 0, "urgent-") });
    await clock.advance(2000);
    expect((await only.answer).outcomes.at(-1)).toMatchObject({ failure: { kind: "unavailable" } });
  });

  it("answers at the deadline with what is known, though a call is still under way", async () => {
    const replies = [accepted(), accepted(), accepted()].map((end, nth) => ({ end, delayMs: nth === 0 ? 20 : 5000 }));
    const { clock, limiter, cancel } = start({ replies });
    const request = cancel({ deviceNames: names(450), answerByMs: 350 });
    await clock.advance(349);
    let answered = false;
    void request.answer.then(() => {
      answered = true;
    });
    await settle();
    expect(answered).toBe(false);
    await clock.advance(1);
    expect(answered).toBe(true);
    const told = await outcomes(request);
    expect([told[0], told[200], told[449]]).toEqual(["accepted", "unknown", "unknown"]);
    expect(limiter.out).toBe(2);
    await clock.advance(6000);
    expect(await outcomes(request)).toEqual(told);
    expect(limiter.out).toBe(0);
  });

  it("fails as expired, with counts, if the deadline came while all devices waited", async () => {
    const end = refused({ kind: "throttled" }, { retryAfterMs: 5000 });
    const { clock, cancel } = start({ replies: [{ end, delayMs: 20 }] });
    cancel();
    await clock.advance(10);
    const request = cancel({ deviceNames: names(3), answerByMs: 1000 });
    await clock.advance(990);
    const { failure, causes, retryAfterMs } = await errorOf(request);
    expect(failure.kind).toBe("expired");
    expect(causes).toEqual([{ kind: "expired", devices: 3, sampleNames: names(3) }]);
    expect(retryAfterMs).toBeUndefined();
  });

  it("fails as throttled, with a time to come back, if the upstream throttled until the deadline", async () => {
    const { clock, cancel } = start({ replies: Array<Reply>(20).fill({ end: THROTTLED, delayMs: 20 }) });
    const request = cancel({ answerByMs: 5000 });
    await clock.advance(5000);
    const { failure, retryAfterMs } = await errorOf(request);
    expect(failure).toMatchObject({ kind: "throttled", upstream: { code: "Throttling.User" } });
    expect(retryAfterMs).toBeGreaterThanOrEqual(100);
  });

  it("says that the outcome is unknown if the only answer was lost", async () => {
    const { clock, cancel } = start({ replies: Array<Reply>(20).fill({ end: LOST, delayMs: 500 }) });
    const request = cancel({ answerByMs: 2000 });
    await clock.advance(2000);
    expect((await errorOf(request)).failure).toMatchObject({ kind: "unknown", reason: "OUTCOME_UNKNOWN" });
  });

  it("lets an aborted request leave at once, and sends nothing of it any more", async () => {
    const { clock, limiter, upstream, cancel } = start();
    const request = cancel({ deviceNames: names(1000) });
    await clock.advance(150);
    expect(upstream.calls).toHaveLength(2);
    request.abort();
    request.abort();
    expect((await outcomes(request)).filter((kind) => kind === "not-attempted")).toHaveLength(600);
    await clock.advance(5000);
    expect(upstream.calls).toHaveLength(2);
    expect(limiter.out).toBe(0);
    expect(clock.armed).toBe(0);
  });

  it("lets a withdrawn request leave the queue at once, and answers when its calls have ended", async () => {
    const replies = [accepted(), THROTTLED, accepted()].map((end, nth) => ({ end, delayMs: nth === 2 ? 800 : 120 }));
    const { clock, limiter, upstream, gateway, cancel } = start({ replies });
    const request = cancel({ deviceNames: names(1000) });
    await clock.advance(210);
    expect(upstream.calls).toHaveLength(3);
    request.withdraw();
    expect(gateway.monitor.state().waitingDevices).toBe(0);
    await clock.advance(700);
    let isAnswered = false;
    void request.answer.then(() => {
      isAnswered = true;
    });
    await settle();
    expect(isAnswered).toBe(false);
    await clock.advance(100);
    const kinds = await outcomes(request);
    expect(kinds).toEqual([
      ...[...Array(200).fill("accepted"), ...Array(200).fill("not-attempted")],
      ...[...Array(200).fill("accepted"), ...Array(400).fill("not-attempted")],
    ]);
    const { outcomes: told } = await request.answer;
    expect(told[200]).toMatchObject({ failure: { kind: "throttled" } });
    expect(told[900]).toMatchObject({ failure: { kind: "aborted" } });
    await clock.advance(5000);
    expect(upstream.calls).toHaveLength(3);
    expect(limiter.out).toBe(0);
    expect(clock.armed).toBe(0);
  });

  it("answers a withdrawn request after a second, though a call is still under way", async () => {
    const { clock, cancel } = start({ replies: [{ end: accepted(), delayMs: 9000 }] });
    const request = cancel({ deviceNames: names(300), answerByMs: Infinity });
    await clock.advance(50);
    request.withdraw();
    await clock.advance(1000);
    expect(await errorOf(request)).toMatchObject({ failure: { kind: "unknown" } });
    const { outcomes: told } = await request.told;
    expect(told.map(({ kind }) => kind)).toEqual([...Array(200).fill("unknown"), ...Array(100).fill("not-attempted")]);
    await clock.advance(10_000);
    expect(clock.armed).toBe(0);
  });

  it("fails as aborted if nothing was sent, and nobody needs to look at the answer", async () => {
    const { clock, cancel } = start({ openingMs: 1000 });
    const request = cancel();
    request.abort();
    await clock.advance(0);
    expect((await errorOf(request)).failure.kind).toBe("aborted");
    expect(clock.armed).toBe(0);
  });

  it("is an error with all devices required if one did not end well", async () => {
    const replies = [accepted(), REJECTED].map((end) => ({ end, delayMs: 20 }));
    for (const requireAll of [false, true]) {
      const { clock, cancel } = start({ replies });
      const request = cancel({ deviceNames: names(201), requireAll });
      await clock.advance(1000);
      if (requireAll) expect((await errorOf(request)).failure.kind).toBe("rejected");
      else expect(new Set(await outcomes(request))).toEqual(new Set(["accepted", "rejected"]));
    }
  });
});

describe("Gateway.validate", () => {
  it("plans without sending, and refuses what cancel would", async () => {
    const { clock, gateway, upstream } = start();
    const { calls, waitMs } = gateway.validate(aCommand({ deviceNames: names(450) }));
    expect([calls, waitMs]).toEqual([3, 0]);
    expect(thrownBy(() => gateway.validate(aCommand({ answerByMs: 1 }))).failure.kind).toBe("deadline-too-short");
    await clock.advance(1000);
    expect(upstream.calls).toEqual([]);
  });
});

describe("Gateway.drain", () => {
  it("finishes what was let in, and refuses new requests with a time to come back", async () => {
    const { clock, gateway, cancel } = start();
    const request = cancel({ deviceNames: names(1000) });
    await clock.advance(10);
    let drained = false;
    const draining = gateway.drain(25_000).then(() => {
      drained = true;
    });
    for (const refuse of [() => cancel(), () => gateway.validate(aCommand())]) {
      const { failure, retryAfterMs } = thrownBy(refuse);
      expect(failure.kind).toBe("draining");
      expect(retryAfterMs).toBeGreaterThanOrEqual(100);
    }
    await clock.advance(200);
    expect(drained).toBe(false);
    await clock.advance(500);
    await draining;
    expect(await outcomes(request)).toEqual(Array(1000).fill("accepted"));
    expect(clock.armed).toBe(0);
  });

  it("answers the requests left at its timeout with what is known", async () => {
    const { clock, gateway, cancel } = start();
    const request = cancel({ deviceNames: names(2000) });
    const other = cancel({ scope: aScope("other"), deviceNames: names(2000), caller: "other", requireAll: true });
    const draining = gateway.drain(500);
    await clock.advance(500);
    await draining;
    const told = await outcomes(request);
    expect(told[0]).toBe("accepted");
    expect(told[1999]).toBe("not-attempted");
    const { failure, retryAfterMs } = await errorOf(other);
    expect(failure.kind).toBe("draining");
    expect(retryAfterMs).toBeGreaterThanOrEqual(100);
    await clock.advance(2000);
    expect(clock.armed).toBe(0);
  });

  it("is done at once when nobody is waiting", async () => {
    const { clock, gateway } = start();
    await gateway.drain(25_000);
    expect(clock.armed).toBe(0);
  });

  it("may be asked for twice: both resolve, and the shorter time counts (was: the first never ended)", async () => {
    const { clock, gateway, cancel } = start({ openingMs: 10_000 });
    cancel();
    const both = Promise.all([gateway.drain(5000), gateway.drain(1000)]);
    await clock.advance(1000);
    await both;
    expect(clock.armed).toBe(0);
  });
});

describe("Gateway.close", () => {
  it("waits for the calls under way, then closes the ledger", async () => {
    const { clock, gateway, limiter, cancel } = start({ replies: [{ end: accepted(), delayMs: 4000 }] });
    cancel();
    await clock.advance(10);
    await Promise.all([gateway.drain(0), clock.advance(0)]);
    const closing = gateway.close();
    await clock.advance(3000);
    expect(limiter.closed).toBe(false);
    await clock.advance(1000);
    await closing;
    expect(limiter.closed).toBe(true);
    expect(limiter.out).toBe(0);
  });
});
