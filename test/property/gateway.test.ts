// In any order of events from callers, time and the upstream, every request is answered once, with
// exactly what is known about each device.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Scope } from "../../src/gateway/command.js";
import type { DeviceOutcome } from "../../src/gateway/device-outcome.js";
import { Dispatcher } from "../../src/gateway/dispatcher.js";
import { type Failure, GatewayError } from "../../src/gateway/failures.js";
import { Gateway } from "../../src/gateway/gateway.js";
import type { CallEnd } from "../../src/gateway/upstream.js";
import type { Answer, CallRecord } from "../../src/gateway/waiter.js";
import { Waiter } from "../../src/gateway/waiter.js";
import { EQUAL } from "../support/fake-callers.js";
import { aCommand, aScope, names } from "../support/fake-command.js";
import { FakeLimiter } from "../support/fake-limiter.js";
import { FakeLog } from "../support/fake-log.js";
import {
  accepted,
  DEVICE_FAULT,
  FakeUpstream,
  LOST,
  REJECTED,
  type Reply,
  refused,
  type SeenCall,
  THROTTLED,
  UNAVAILABLE,
  UNWRITTEN,
} from "../support/fake-upstream.js";
import { HandClock } from "../support/hand-clock.js";
import { runs } from "../support/property-runs.js";

const SCOPES: readonly Scope[] = [aScope("p1"), aScope("p1", "job"), aScope("p2")];

interface Ask {
  readonly kind: "ask";
  readonly caller: string;
  readonly scope: Scope;
  readonly first: number;
  readonly size: number;
  readonly withinMs: number;
}

type Step = Ask | { readonly kind: "abort"; readonly nth: number } | { readonly kind: "pass"; readonly ms: number };

const ask: fc.Arbitrary<Ask> = fc.record({
  kind: fc.constant("ask" as const),
  caller: fc.constantFrom("a", "b", "c"),
  scope: fc.constantFrom(...SCOPES),
  first: fc.nat(900),
  size: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 600 })),
  withinMs: fc.constantFrom(40, 120, 400, 1500, 6000, 30_000),
});

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: ask },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("abort" as const), nth: fc.nat(30) }) },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(0, 1, 30, 100, 700) }),
    },
  ),
  { minLength: 1, maxLength: 40 },
);

const ENDS: readonly CallEnd[] = [
  accepted(),
  THROTTLED,
  refused({ kind: "throttled" }, { retryAfterMs: 300 }),
  UNAVAILABLE,
  refused({ kind: "internal", recovered: true }),
  refused({ kind: "internal", recovered: false }),
  DEVICE_FAULT,
  REJECTED,
  LOST,
  UNWRITTEN,
  { kind: "unwritten", message: "no credentials", ours: true },
];

/** Replies in turn, repeated. */
const replies: fc.Arbitrary<Reply[]> = fc.array(
  fc.record({
    end: fc.oneof(fc.constant(accepted()), fc.constantFrom(...ENDS)),
    delayMs: fc.constantFrom(0, 5, 20, 90, 400, 2500),
  }),
  { minLength: 1, maxLength: 15 },
);

const failure = (kind: "expired" | "aborted" | "draining"): Failure => ({ kind, message: kind });

/** A caller's request, and all that is known about it outside the gateway. */
class Watched extends Waiter {
  /** The calls that held each device, in order. */
  readonly sentIn: { readonly call: number; readonly indexes: readonly number[] }[] = [];
  /** The calls that had not ended when the answer was given. */
  underWay: ReadonlySet<SeenCall> = new Set();
  told: Answer | undefined;
  tellings = 0;
  readonly #upstream: FakeUpstream;

  constructor(asked: Ask, nowMs: number, upstream: FakeUpstream) {
    const { caller, scope, first, size, withinMs } = asked;
    super(aCommand({ caller, scope, deviceNames: names(size, first), answerByMs: nowMs + withinMs }), nowMs);
    this.#upstream = upstream;
    void this.answer.then((answer) => {
      this.told = answer;
      this.tellings++;
    });
  }

  /** Runs when its devices are taken into a call, right before the call is sent. */
  override noteSent(indexes: readonly number[], record: CallRecord, nowMs: number): void {
    expect(this.open).toBe(true);
    this.sentIn.push({ call: this.#upstream.calls.length, indexes });
    super.noteSent(indexes, record, nowMs);
  }

  override conclude(cause: Failure): void {
    if (this.open) this.underWay = new Set(this.#upstream.calls.filter(({ end }) => !end));
    super.conclude(cause);
  }
}

/** The outcome that follows from the ends of a device's calls, in order. */
function outcomeOf(calls: readonly SeenCall[], underWay: ReadonlySet<SeenCall>): DeviceOutcome["kind"] {
  let kind: DeviceOutcome["kind"] = "not-attempted";
  for (const call of calls) {
    const { end } = call;
    if (!end || underWay.has(call)) return "unknown";
    if (end.kind === "accepted") return "accepted";
    if (end.kind === "lost") kind = "unknown";
    if (end.kind !== "refused") continue;
    const { reaction } = end.refusal;
    if (reaction.kind === "unavailable") kind = "unknown";
    if (reaction.kind === "rejected")
      kind = reaction.deviceFault && call.deviceNames.length > 1 ? "unknown" : "rejected";
  }
  return kind;
}

function repeats({ end, deviceNames }: SeenCall): boolean {
  if (!end || end.kind === "accepted") return false;
  if (end.kind !== "refused") return true;
  const { reaction } = end.refusal;
  return (
    reaction.kind === "throttled" ||
    reaction.kind === "unavailable" ||
    (reaction.kind === "rejected" && reaction.deviceFault && deviceNames.length > 1) ||
    (reaction.kind === "internal" && reaction.recovered)
  );
}

function checkCalls(upstream: FakeUpstream, waiters: readonly Watched[]): void {
  const onBoard = upstream.calls.map(() => new Set<string>());
  for (const waiter of waiters) {
    for (const { call, indexes } of waiter.sentIn) {
      expect(upstream.calls[call]?.scope).toEqual(waiter.command.scope);
      for (const index of indexes) onBoard[call]?.add(waiter.command.deviceNames[index] as string);
    }
  }
  for (const [nth, { deviceNames }] of upstream.calls.entries()) {
    expect(deviceNames.length).toBeGreaterThan(0);
    expect(deviceNames.length).toBeLessThanOrEqual(200);
    expect(new Set(deviceNames).size).toBe(deviceNames.length);
    // Each device is in the call for a caller that still waited, and no caller learns about others.
    expect(new Set(deviceNames)).toEqual(onBoard[nth]);
  }
}

function checkFates(upstream: FakeUpstream, waiter: Watched): void {
  const { told, underWay } = waiter;
  if (!told) throw new Error("not answered");
  expect(waiter.tellings).toBe(1);
  const callsOf = waiter.command.deviceNames.map((): number[] => []);
  for (const { call, indexes } of waiter.sentIn) for (const index of indexes) callsOf[index]?.push(call);
  for (const [index, numbers] of callsOf.entries()) {
    const calls = numbers.map((call) => upstream.calls[call] as SeenCall);
    for (const [nth, call] of calls.slice(1).entries()) {
      const before = calls[nth] as SeenCall;
      expect(repeats(before)).toBe(true);
      expect(before.endedMs).toBeLessThanOrEqual(call.sentMs); // never in two calls at once
    }
    const outcome = told.outcomes[index] as DeviceOutcome;
    expect(outcome.kind).toBe(outcomeOf(calls, underWay));
    expect(told.callIndexes[index]).toBe(waiter.sentIn.findLastIndex(({ call }) => call === numbers.at(-1)));
  }
}

describe("Dispatcher", () => {
  it("tells every waiter once, of every device exactly what is known, and leaves nothing behind", async () => {
    await fc.assert(
      fc.asyncProperty(steps, replies, fc.nat(99), async (script, told, seed) => {
        const clock = new HandClock();
        const limiter = new FakeLimiter({ clock });
        const upstream = new FakeUpstream({ clock, reply: (_, nth) => told[nth % told.length] });
        const random = () => seed / 100;
        const dispatcher = new Dispatcher({
          account: "default",
          clock,
          limiter,
          upstream,
          log: new FakeLog(),
          callers: EQUAL,
          random,
        });
        dispatcher.start();
        const waiters: Watched[] = [];
        const conclude = (waiter: Watched, kind: "expired" | "aborted" | "draining") => {
          dispatcher.leave(waiter);
          waiter.conclude(failure(kind));
        };
        for (const step of script) {
          if (step.kind === "pass") await clock.advance(step.ms);
          if (step.kind === "abort") {
            const waiter = waiters[step.nth % (waiters.length || 1)];
            if (waiter) conclude(waiter, "aborted");
          }
          if (step.kind === "ask") {
            const waiter = new Watched(step, clock.now(), upstream);
            waiters.push(waiter);
            const disarm = clock.at(waiter.command.answerByMs, () => conclude(waiter, "expired"));
            void waiter.answer.then(disarm);
            dispatcher.add(waiter);
          }
        }
        await clock.advance(60_000);

        checkCalls(upstream, waiters);
        for (const waiter of waiters) checkFates(upstream, waiter);
        const { calls, devices, devicesByCaller } = dispatcher.queue.backlog;
        const callersByCalls = dispatcher.queue.backlog.callersByCalls("normal");
        expect({ devices, calls, callers: devicesByCaller.size, tallies: callersByCalls.size }).toEqual({
          devices: 0,
          calls: 0,
          callers: 0,
          tallies: 0,
        });
        expect(limiter.out).toBe(0);
        expect(limiter.ends.length).toBe(limiter.granted);
        expect(clock.armed).toBe(0);
        await dispatcher.close();
      }),
      { numRuns: runs(150) },
    );
  });
});

describe("Gateway", () => {
  it("answers whoever it lets in exactly once, before the deadline, also when it drains at any moment", async () => {
    await fc.assert(
      fc.asyncProperty(steps, replies, fc.constantFrom(0, 50, 2000, 25_000), async (script, told, withinMs) => {
        const clock = new HandClock();
        const limiter = new FakeLimiter({ clock, openingMs: 500 });
        const upstream = new FakeUpstream({ clock, reply: (_, nth) => told[nth % told.length] });
        const bounds = { queuedDevices: 5000, queuedDevicesPerCaller: 2000 };
        const gateway = new Gateway({
          account: "default",
          clock,
          limiter,
          upstream,
          log: new FakeLog(),
          callers: EQUAL,
          random: () => 0.5,
          bounds,
        });
        const asked: { abort(): void; answeredMs: number[]; devices: number; answerByMs: number; told: number }[] = [];
        for (const step of script) {
          if (step.kind === "pass") await clock.advance(step.ms);
          if (step.kind === "abort") asked[step.nth % (asked.length || 1)]?.abort();
          if (step.kind === "ask") {
            const { caller, scope, first, size, withinMs } = step;
            const answerByMs = clock.now() + withinMs;
            const command = aCommand({ caller, scope, deviceNames: names(size, first), answerByMs });
            let request: ReturnType<Gateway["cancel"]>;
            try {
              request = gateway.cancel(command);
            } catch (error) {
              expect(error).toBeInstanceOf(GatewayError);
              expect(["deadline-too-short", "overloaded"]).toContain((error as GatewayError).failure.kind);
              continue;
            }
            const one = { abort: request.abort, answeredMs: [] as number[], devices: size, answerByMs, told: 0 };
            asked.push(one);
            request.answer.then(
              ({ outcomes }) => {
                one.answeredMs.push(clock.now());
                one.told = outcomes.length;
              },
              ({ causes }: GatewayError) => {
                one.answeredMs.push(clock.now());
                one.told = causes.reduce((sum, { devices }) => sum + devices, 0);
              },
            );
          }
        }
        const drainedByMs = clock.now() + withinMs;
        const drained = gateway.drain(withinMs);
        expect(() => gateway.cancel(aCommand({ answerByMs: Infinity }))).toThrow("shutting down");
        await clock.advance(60_000);
        await drained;
        for (const { answeredMs, devices, answerByMs, told } of asked) {
          expect(answeredMs.length).toBe(1);
          expect(answeredMs[0]).toBeLessThanOrEqual(Math.min(answerByMs, drainedByMs));
          expect(told).toBe(devices);
        }
        expect(limiter.out).toBe(0);
        expect(limiter.ends.length).toBe(limiter.granted);
        expect(clock.armed).toBe(0);
        await gateway.close();
        expect(limiter.closed).toBe(true);
      }),
      { numRuns: runs(100) },
    );
  });
});
