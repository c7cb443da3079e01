import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PRIORITIES } from "../../../../src/gateway/command.js";
import { Tally } from "../../../../src/gateway/queue/backlog.js";

const DEVICES_PER_CALL = 5;

describe("Tally", () => {
  it("agrees with counting afresh, whatever comes and goes", () => {
    const step = fc.record({
      caller: fc.constantFrom("a", "b", "c"),
      priority: fc.constantFrom(...PRIORITIES),
      change: fc.integer({ min: -12, max: 20 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const tally = new Tally(DEVICES_PER_CALL);
        const waiting = new Map<string, number>();
        for (const { caller, priority, change } of steps) {
          const key = `${caller} ${priority}`;
          const before = waiting.get(key) ?? 0;
          const less = Math.max(change, -before); // no more leave than wait
          waiting.set(key, before + less);
          tally.count(caller, priority, less);
        }
        const entries = [...waiting].filter(([, devices]) => devices > 0);
        expect(tally.devices).toBe(entries.reduce((sum, [, devices]) => sum + devices, 0));
        const byCaller = new Map<string, number>();
        for (const [key, devices] of entries) {
          const caller = key.split(" ")[0] as string;
          byCaller.set(caller, (byCaller.get(caller) ?? 0) + devices);
        }
        expect(new Map(tally.devicesByCaller)).toEqual(byCaller);
        for (const priority of PRIORITIES) {
          const own = entries.filter(([key]) => key.endsWith(` ${priority}`));
          expect(tally.callers(priority)).toBe(own.length);
          expect(tally.devicesIn(priority)).toBe(own.reduce((sum, [, devices]) => sum + devices, 0));
          const byCalls = new Map<number, number>();
          for (const [key, devices] of own) {
            expect(tally.devicesOf(key.split(" ")[0] as string, priority)).toBe(devices);
            const calls = Math.ceil(devices / DEVICES_PER_CALL);
            byCalls.set(calls, (byCalls.get(calls) ?? 0) + 1);
          }
          expect(new Map(tally.callersByCalls(priority))).toEqual(byCalls);
        }
      }),
    );
  });
});
