import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PRIORITIES } from "../../../../src/gateway/command.js";
import { Backlog } from "../../../../src/gateway/queue/backlog.js";
import { aWaiter } from "../../../support/fake-command.js";

const DEVICES_PER_CALL = 5;

describe("Backlog", () => {
  it("agrees with counting afresh, whatever comes and goes", () => {
    const step = fc.record({
      caller: fc.constantFrom("a", "b", "c"),
      priority: fc.constantFrom(...PRIORITIES),
      change: fc.integer({ min: -12, max: 20 }),
      nth: fc.nat(1),
      shared: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const backlog = new Backlog(DEVICES_PER_CALL);
        const scopeQueues = [{ size: 0 }, { size: 0 }];
        const waiting = new Map<string, number>();
        for (const { caller, priority, change, nth, shared } of steps) {
          const key = `${caller} ${priority}`;
          const had = waiting.get(key) ?? 0;
          const less = Math.max(change, -had); // no more leave than wait
          waiting.set(key, had + less);
          // Of the devices, some wait for others too.
          const scopeQueue = scopeQueues[nth] as { size: number };
          const distinct = Math.sign(less) * Math.max(Math.abs(less) - shared, 0);
          const before = scopeQueue.size;
          scopeQueue.size = Math.max(scopeQueue.size + distinct, 0);
          backlog.change({ waiter: aWaiter({ caller, priority }), scopeQueue }, less, scopeQueue.size - before);
        }
        const entries = [...waiting].filter(([, devices]) => devices > 0);
        expect(backlog.devices).toBe(entries.reduce((sum, [, devices]) => sum + devices, 0));
        const calls = scopeQueues.map(({ size }) => Math.ceil(size / DEVICES_PER_CALL));
        expect(backlog.calls).toBe(calls.reduce((sum, each) => sum + each, 0));
        const byCaller = new Map<string, number>();
        for (const [key, devices] of entries) {
          const caller = key.split(" ")[0] as string;
          byCaller.set(caller, (byCaller.get(caller) ?? 0) + devices);
        }
        expect(new Map(backlog.devicesByCaller)).toEqual(byCaller);
        for (const priority of PRIORITIES) {
          const own = entries.filter(([key]) => key.endsWith(` ${priority}`));
          expect(backlog.callers(priority)).toBe(own.length);
          expect(backlog.devicesIn(priority)).toBe(own.reduce((sum, [, devices]) => sum + devices, 0));
          const byCalls = new Map<number, number>();
          for (const [key, devices] of own) {
            expect(backlog.devicesOf(key.split(" ")[0] as string, priority)).toBe(devices);
            const calls = Math.ceil(devices / DEVICES_PER_CALL);
            byCalls.set(calls, (byCalls.get(calls) ?? 0) + 1);
          }
          expect(new Map(backlog.callersByCalls(priority))).toEqual(byCalls);
        }
      }),
    );
  });
});
