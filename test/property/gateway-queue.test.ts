// The queue against a model that is too simple to be wrong: a set of names for each waiter.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Scope } from "../../src/gateway/command.js";
import { type Batch, Queue } from "../../src/gateway/queue/queue.js";
import type { Waiter } from "../../src/gateway/waiter.js";
import { EQUAL } from "../support/fake-callers.js";
import { aScope, aWaiter, names } from "../support/fake-command.js";
import { ROOM } from "../support/fake-upstream.js";
import { runs } from "../support/property-runs.js";

const DEVICES_PER_CALL = 5;
const SCOPES: readonly Scope[] = [aScope("p1"), aScope("p1", "job"), aScope("p2")];

const step = fc.oneof(
  fc.record({
    kind: fc.constant("add" as const),
    caller: fc.constantFrom("a", "b", "c"),
    scope: fc.constantFrom(...SCOPES),
    first: fc.nat(12),
    size: fc.integer({ min: 1, max: 17 }),
    withinMs: fc.constantFrom(100, 1_000_000),
  }),
  fc.record({ kind: fc.constant("cut" as const), newcomersOnly: fc.boolean() }),
  fc.record({
    kind: fc.constant("putBack" as const),
    nth: fc.nat(5),
    turn: fc.constantFrom("kept" as const, "spent" as const, "failed" as const),
  }),
  fc.record({ kind: fc.constant("forget" as const), nth: fc.nat(5) }),
  fc.record({ kind: fc.constant("leave" as const), nth: fc.nat(20) }),
  fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(1, 60, 1000) }),
);

/** The waiting devices of each waiter. */
type Model = Map<Waiter, Set<string>>;

function distinctOf(model: Model, scope: Scope, allowed: (waiter: Waiter) => boolean = () => true): Set<string> {
  const distinct = new Set<string>();
  for (const [waiter, waiting] of model) {
    if (waiter.command.scope === scope && allowed(waiter)) for (const name of waiting) distinct.add(name);
  }
  return distinct;
}

function checkCounters(queue: Queue, model: Model): void {
  const byCaller = new Map<string, number>();
  for (const [waiter, { size }] of model) {
    const { caller } = waiter.command;
    if (size > 0) byCaller.set(caller, (byCaller.get(caller) ?? 0) + size);
  }
  const byCalls = new Map<number, number>();
  for (const devices of byCaller.values()) {
    const calls = Math.ceil(devices / DEVICES_PER_CALL);
    byCalls.set(calls, (byCalls.get(calls) ?? 0) + 1);
  }
  expect(queue.backlog.devices).toBe([...byCaller.values()].reduce((sum, devices) => sum + devices, 0));
  expect(new Map(queue.backlog.devicesByCaller)).toEqual(byCaller);
  expect(new Map(queue.backlog.callersByCalls("normal"))).toEqual(byCalls);
  const calls = SCOPES.map((scope) => Math.ceil(distinctOf(model, scope).size / DEVICES_PER_CALL));
  expect(queue.backlog.calls).toBe(calls.reduce((sum, each) => sum + each, 0));
}

describe("Queue", () => {
  it("counts rightly at every moment, and cuts full calls of one scope with everybody who waits for each device", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (script) => {
        const queue = new Queue({ ...ROOM, devices: DEVICES_PER_CALL }, EQUAL);
        const model: Model = new Map();
        const inCall: Batch[] = [];
        const lastCutMs = new Map<Scope, number>();
        let nowMs = 0;
        for (const each of script) {
          if (each.kind === "pass") nowMs += each.ms;
          if (each.kind === "add") {
            const { caller, scope, first, size, withinMs } = each;
            const waiter = aWaiter({ caller, scope, deviceNames: names(size, first), answerByMs: nowMs + withinMs });
            model.set(waiter, new Set(waiter.command.deviceNames));
            queue.add(waiter);
          }
          if (each.kind === "leave") {
            const waiter = [...model.keys()][each.nth];
            if (waiter) {
              queue.leave(waiter);
              waiter.conclude({ kind: "aborted", message: "" });
              model.delete(waiter);
            }
          }
          if (each.kind === "forget") inCall.splice(each.nth, 1);
          if (each.kind === "putBack") {
            for (const batch of inCall.splice(each.nth, 1)) {
              queue.putBack(batch, nowMs, each.turn);
              for (const { name, owners } of batch.devices)
                for (const { waiter } of owners) model.get(waiter)?.add(name);
            }
          }
          if (each.kind === "cut") {
            const limits = { nowMs, answerMs: 50, newcomersOnly: each.newcomersOnly };
            const isSilent = (scope: Scope) => nowMs - (lastCutMs.get(scope) ?? -Infinity) >= 1000;
            const inTime = ({ command }: Waiter) => command.answerByMs - nowMs > limits.answerMs;
            const maySend = (waiter: Waiter) =>
              inTime(waiter) && (!limits.newcomersOnly || isSilent(waiter.command.scope));
            const expected = SCOPES.some((scope) => distinctOf(model, scope, maySend).size > 0);
            const silent = SCOPES.some((scope) => isSilent(scope) && distinctOf(model, scope, inTime).size > 0);
            expect(queue.hasNewcomer(limits)).toBe(silent);
            const batch = queue.cut(limits);
            expect(batch !== undefined).toBe(expected);
            if (!batch) continue;
            const { devices } = batch;
            const { scope } = batch.scopeQueue;
            const sendable = distinctOf(model, scope, maySend);
            lastCutMs.set(scope, nowMs);
            expect(devices.length).toBe(Math.min(DEVICES_PER_CALL, sendable.size));
            expect(new Set(devices.map(({ name }) => name)).size).toBe(devices.length);
            for (const { name, owners } of devices) {
              expect(sendable.has(name)).toBe(true);
              const waiting = [...model].filter(([waiter, set]) => waiter.command.scope === scope && set.has(name));
              expect(new Set(owners.map(({ waiter }) => waiter))).toEqual(new Set(waiting.map(([waiter]) => waiter)));
              for (const { waiter, index } of owners) {
                expect(waiter.command.deviceNames[index]).toBe(name);
                model.get(waiter)?.delete(name);
              }
            }
            inCall.push(batch);
          }
          checkCounters(queue, model);
        }
      }),
      { numRuns: runs(1000) },
    );
  });
});
