// For any stale names, any callers and any ends of readings: every device is settled, the good ones
// are accepted, and no existing device is rejected.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { names } from "../support/fake-command.js";
import { DEVICE_FAULT, LOST, refused, THROTTLED, UNAVAILABLE } from "../support/fake-upstream.js";
import { startWithStaleNames } from "../support/stale-names.js";

const FORBIDDEN = refused({ kind: "rejected", rejection: "forbidden", deviceFault: false });
const UNREADABLE = { kind: "accepted", requestId: "read", found: undefined };
const READINGS = { well: undefined, LOST, THROTTLED, UNAVAILABLE, DEVICE_FAULT, FORBIDDEN, UNREADABLE };

const request = fc.record({
  caller: fc.constantFrom("a", "b", "c"),
  priority: fc.constantFrom("urgent" as const, "normal" as const, "bulk" as const),
  firmwareId: fc.constantFrom("f1", "f2"),
  first: fc.nat(500),
  count: fc.integer({ min: 1, max: 400 }),
  afterMs: fc.nat(800),
  leavesAfterMs: fc.option(fc.nat(2000)),
});

const history = fc.record({
  requests: fc.array(request, { minLength: 1, maxLength: 8 }),
  every: fc.integer({ min: 2, max: 150 }),
  statesOmit: fc.boolean(),
  /** How each reading ends, in turn; then well. */
  readings: fc.array(fc.constantFrom(...(Object.keys(READINGS) as (keyof typeof READINGS)[])), { maxLength: 6 }),
});

describe("Dispatcher with readings", () => {
  it("settles every device, accepts no stale one and rejects no other", async () => {
    await fc.assert(
      fc.asyncProperty(history, async ({ requests, every, statesOmit, readings }) => {
        const missing = new Set(names(1000).filter((_, n) => n % every === 1));
        const world = startWithStaleNames(missing, { statesOmit });
        const { clock, ask, dispatcher, details, states, limiter, limiters } = world;
        const left = [...readings];
        const wellOrNot = () => READINGS[left.shift() ?? "well"] as never;
        details.reply = wellOrNot;
        if (statesOmit) states.reply = wellOrNot;
        const waiters = [];
        for (const { afterMs, leavesAfterMs, first, count, firmwareId, ...who } of requests) {
          await clock.advance(afterMs);
          const scope = { iotInstanceId: "", productKey: "product", firmwareId, jobId: "" };
          const waiter = ask({ ...who, scope, deviceNames: names(count, first) });
          waiters.push(waiter);
          if (leavesAfterMs === null) continue;
          clock.at(clock.now() + leavesAfterMs, () => {
            dispatcher.leave(waiter);
            waiter.conclude({ kind: "aborted", message: "the caller left" });
          });
        }
        await clock.advance(400_000);
        for (const waiter of waiters) {
          expect(waiter.open).toBe(false);
          const { outcomes } = await waiter.answer;
          for (const [index, { kind }] of outcomes.entries()) {
            const isMissing = missing.has(waiter.command.deviceNames[index] as string);
            // The budget of halving, and callers that leave, make others of both.
            if (kind === "accepted") expect(isMissing).toBe(false);
            if (kind === "rejected") expect(isMissing).toBe(true);
          }
          if (readings.length === 0 && requests.every((each) => each.leavesAfterMs === null)) {
            expect(outcomes.filter(({ kind }) => kind !== "accepted" && kind !== "rejected")).toEqual([]);
          }
        }
        expect(dispatcher.queue.backlog.devices).toBe(0);
        expect([dispatcher.queue.highest, dispatcher.queue.highestUnread]).toEqual([undefined, undefined]);
        expect([limiter, limiters.details, limiters.states].map(({ out }) => out)).toEqual([0, 0, 0]);
      }),
      { numRuns: 60 },
    );
  });
});
