import { EventEmitter } from "node:events";
import { Socket } from "node:net";
import { Metadata, status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { GatewayError } from "../../../../src/gateway/failures.js";
import { CallerScheduler } from "../../../../src/grpc/rpc/caller-scheduler.js";
import { Rpc } from "../../../../src/grpc/rpc/rpc.js";
import { Connection } from "../../../../src/grpc/transport/connections.js";
import type { GuardedStream } from "../../../../src/grpc/transport/guarded-stream.js";
import { StreamHead } from "../../../../src/grpc/transport/stream-head.js";
import type { Identity } from "../../../../src/identity/identity.js";
import { FakeLog } from "../../../support/fake-log.js";
import { readFailure } from "../../../support/grpc-failure.js";
import { HandClock } from "../../../support/hand-clock.js";

/** An rpc that is over when the test says so. */
class Call extends EventEmitter {
  cancelled = false;
  readonly metadata = new Metadata();
  deadline = Infinity;
  readonly getDeadline = () => this.deadline;
  readonly getMetricsRecorder = () => this;
  end(): void {
    this.cancelled = true;
    this.emit("cancelled");
  }
}

const CONNECTION = new Connection(new Socket(), "127.0.0.1", 0, { asked() {} });
const ALICE: Identity = { kind: "caller", name: "alice" };

interface SetUp {
  readonly identity?: Identity;
  /** Set for an rpc behind the gate. */
  readonly again?: GuardedStream["identifyAgain"];
  readonly timeoutMs?: number;
  readonly endedAs?: status;
}

function setUp({ identity = ALICE, again, timeoutMs = Infinity, endedAs }: SetUp = {}) {
  const clock = new HandClock();
  const log = new FakeLog();
  const callerScheduler = new CallerScheduler({ now: () => clock.now(), defer: setImmediate });
  const options = { clock, log, defaultDeadlineMs: 60_000, callerScheduler };
  const call = new Call();
  const ofGate = {
    identifyAgain: again,
    endedAs,
    deadlineMs: clock.now() + timeoutMs,
    head: new StreamHead({}, CONNECTION),
  };
  const stream = again && ({ ...ofGate, finish: () => {}, refused: () => {} } as unknown as GuardedStream);
  const create = () =>
    new Rpc("ota.v1.OtaService/GetQuota", call, { identity, stream, startedMs: clock.now() }, options);
  return { call, create, log, clock };
}

describe("Rpc", () => {
  it("aborts once when its caller leaves", () => {
    const { call, create } = setUp();
    const rpc = create();
    let aborted = 0;
    rpc.onAbort(() => void aborted++);
    call.end();
    call.end();
    expect(aborted).toBe(1);
    expect(rpc.hasLeft).toBe(true);
  });

  it("aborts at once what its caller has left before it began (was: it went on for a minute)", () => {
    const { call, create } = setUp();
    const rpc = create();
    call.end();
    let aborted = 0;
    rpc.onAbort(() => void aborted++);
    expect(aborted).toBe(1);
  });

  it("aborts nothing that has been answered", () => {
    const { call, create } = setUp();
    const rpc = create();
    let aborted = 0;
    rpc.onAbort(() => void aborted++);
    rpc.finish(status.OK);
    call.end();
    expect(aborted).toBe(0);
    expect(rpc.hasLeft).toBe(false);
  });

  it("notices a caller that left before its turn", () => {
    const { call, create, log } = setUp();
    call.end();
    const rpc = create();
    expect(rpc.hasLeft).toBe(true);
    rpc.finishUnserved();
    expect(log.lines).toMatchObject([{ fields: { status: "CANCELLED", caller: "alice" } }]);
  });

  it("logs the status with which the gate has ended it, and its caller has got (was: CANCELLED)", () => {
    const { call, create, log } = setUp({ again: () => ALICE, endedAs: status.RESOURCE_EXHAUSTED });
    call.end();
    create().finishUnserved();
    expect(log.lines).toMatchObject([{ fields: { status: "RESOURCE_EXHAUSTED", caller: "alice" } }]);
  });

  it.each<[string, ReturnType<GuardedStream["identifyAgain"]>, string | undefined]>([
    ["the same caller", ALICE, undefined],
    ["the same caller, after a check", { kind: "pending", verify: async () => ALICE }, undefined],
    ["another caller", { kind: "caller", name: "mallory" }, "no valid credentials"],
    ["a stranger", { kind: "stranger", why: "expired" }, "no valid credentials"],
    [
      "a stranger, for the keys are out of reach",
      { kind: "pending", verify: async () => ({ kind: "stranger", why: "keys out of reach", retryAfterMs: 1 }) },
      "credentials cannot be checked at the moment",
    ],
  ])("takes credentials that are now those of %s as they are", async (_, now, message) => {
    const rpc = setUp({ again: () => now }).create();
    const checked = (async () => rpc.checkCredentials())();
    if (message === undefined) await checked;
    else await expect(checked).rejects.toThrow(message);
  });

  it.each([
    ["a deadline that leaves time for the retry", 2000, "500"],
    // Answers are due 200 ms before the deadline.
    ["a deadline before the answer to the retry", 650, "-1"],
    ["no deadline", Infinity, "500"],
  ])("tells a caller with %s when to retry, or not to", (_, leftMs, pushback) => {
    const { call, clock, create } = setUp();
    call.deadline = clock.wallNow() + leftMs;
    const draining = new GatewayError({ kind: "draining", message: "shutting down" }, { retryAfterMs: 500 });
    expect(readFailure(create().fail(draining))).toMatchObject({ pushback, retryAfterMs: 500 });
  });

  it("keeps the deadline that the gate has read, of which grpc-js knows nothing", () => {
    const { clock, create } = setUp({ again: () => ALICE, timeoutMs: 5000 });
    expect(create().answerByMs).toBe(clock.now() + 4800);
  });

  it("lets a caller without a deadline retry after the configured one has passed", async () => {
    const { clock, create } = setUp();
    const rpc = create();
    await clock.advance(60_000);
    const away = new GatewayError({ kind: "unavailable", message: "away" }, { retryAfterMs: 500 });
    expect(readFailure(rpc.fail(away)).pushback).toBe("500");
  });
});
