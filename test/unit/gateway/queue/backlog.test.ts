import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PRIORITIES } from "../../../../src/gateway/command.js";
import { Backlog } from "../../../../src/gateway/queue/backlog.js";

const DEVICES_PER_CALL = 5;

describe("Backlog", () => {
  it("agrees with counting afresh, whatever comes and goes", () => {
    const step = fc.record({
      caller: fc.constantFrom("a", "b", "c"),
      priority: fc.constantFrom(...PRIORITIES),
      change: fc.integer({ min: -12, max: 20 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const backlog = new Backlog(DEVICES_PER_CALL);
        const waiting = new Map<string, number>();
        for (const { caller, priority, change } of steps) {
          const key = `${caller} ${priority}`;
          const before = waiting.get(key) ?? 0;
          const less = Math.max(change, -before); // no more leave than wait
          waiting.set(key, before + less);
          backlog.count(caller, priority, less);
        }
        const entries = [...waiting].filter(([, devices]) => devices > 0);
        expect(backlog.devices).toBe(entries.reduce((sum, [, devices]) => sum + devices, 0));
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
