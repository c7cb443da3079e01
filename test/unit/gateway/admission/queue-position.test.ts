import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Applicant, callsBefore } from "../../../../src/gateway/admission/queue-position.js";
import { type Command, PRIORITIES } from "../../../../src/gateway/command.js";
import { Queue } from "../../../../src/gateway/queue/queue.js";
import { EQUAL } from "../../../support/fake-callers.js";
import { aScope, aWaiter, names, SCOPE } from "../../../support/fake-command.js";
import { ROOM } from "../../../support/fake-upstream.js";
import { runs } from "../../../support/property-runs.js";

function aheadOf(
  waiting: readonly Partial<Command>[],
  applicant: Partial<Applicant> = {},
  devices = 1,
  seats = ROOM.devices,
): number {
  const queue = new Queue({ ...ROOM, devices: seats }, EQUAL);
  for (const [n, command] of waiting.entries()) {
    const deviceNames = names(command.deviceNames?.length ?? 1, 0, `w${n}-`);
    queue.add(aWaiter({ caller: `w${n}`, ...command, deviceNames }));
  }
  return callsBefore({ caller: "asker", priority: "normal", scope: SCOPE, ...applicant }, devices, queue, seats);
}

const heap = (calls: number, command: Partial<Command> = {}) => ({ deviceNames: names(calls * 200), ...command });
const elsewhere = aScope("elsewhere");

describe("callsBefore", () => {
  it("is nothing where nothing waits, and one's own calls", () => {
    expect(aheadOf([])).toBe(0);
    expect(aheadOf([], {}, 201)).toBe(1);
    expect(aheadOf([heap(3, { caller: "asker" })])).toBe(3);
  });

  it("shares the calls of a scope queue with the devices that wait there", () => {
    expect(aheadOf([heap(50), heap(50)])).toBe(0);
    // A third of every call.
    expect(aheadOf([heap(50), heap(50)], {}, 200)).toBe(2);
    expect(aheadOf([heap(50), heap(50)], {}, 2000)).toBe(29);
  });

  it("waits for no more of the scope queue than waits there", () => {
    expect(aheadOf([heap(1), heap(1)], {}, 2000)).toBe(11);
  });

  it("lets others have a turn for each own one", () => {
    const others = [heap(5, { scope: aScope("a") }), heap(1, { scope: aScope("b") })];
    expect(aheadOf(others)).toBe(2);
    expect(aheadOf(others, {}, 400)).toBe(4);
  });

  it("lets URGENT pass everything but the tenth calls", () => {
    const waiting = [heap(100, { scope: elsewhere }), heap(100, { scope: aScope("bulk"), priority: "bulk" })];
    expect(aheadOf(waiting, { priority: "urgent" })).toBe(0);
    expect(aheadOf(waiting, { priority: "urgent" }, 20 * 200)).toBe(21);
    expect(aheadOf(waiting, { priority: "normal" })).toBe(1);
  });

  it("lets a lower class wait for the higher ones, but no longer than for its tenth calls", () => {
    const urgent = (calls: number) => [heap(calls, { scope: elsewhere, priority: "urgent" })];
    expect(aheadOf(urgent(4))).toBe(4);
    expect(aheadOf(urgent(100))).toBe(9);
    expect(aheadOf(urgent(100), {}, 400)).toBe(19);
    // Two lower classes share those.
    const both = [...urgent(100), heap(1, { scope: aScope("bulk"), priority: "bulk" })];
    expect(aheadOf(both)).toBe(19);
  });

  it("lets a lower class use seats that a higher one leaves empty", () => {
    const urgent = { deviceNames: names(50), priority: "urgent" } as const;
    expect(aheadOf([urgent, heap(9, { scope: elsewhere })], { priority: "bulk" }, 150)).toBe(0);
    expect(aheadOf([urgent, heap(9, { scope: elsewhere })], { priority: "bulk" }, 151)).toBeGreaterThan(0);
  });

  it("is never more than all that waits", () => {
    const many = Array.from({ length: 300 }, (_, n) => ({ scope: aScope(`p${n % 3}`) }));
    for (const priority of ["urgent", "normal", "bulk"] as const) {
      expect(aheadOf(many, { priority, scope: aScope("own") })).toBeLessThanOrEqual(3);
    }
  });

  it("never goes down with the number of devices (was: at the end of the seats that a higher class leaves)", () => {
    const request = fc.record({
      caller: fc.constantFrom("w0", "w1", "w2", "asker"),
      priority: fc.constantFrom(...PRIORITIES),
      scope: fc.constantFrom(SCOPE, elsewhere),
      deviceNames: fc.integer({ min: 1, max: 300 }).map((count) => names(count)),
    });
    const asker = fc.record({ priority: fc.constantFrom(...PRIORITIES), scope: fc.constantFrom(SCOPE, aScope("own")) });
    const urgent = (devices: number, caller: "w0" | "asker", scope = SCOPE) =>
      ({ caller, scope, priority: "urgent", deviceNames: names(devices) }) as const;
    const bulk = { caller: "w2", scope: SCOPE, priority: "bulk", deviceNames: names(63) } as const;
    const known = [urgent(299, "w0"), bulk, urgent(10, "asker", elsewhere)];
    fc.assert(
      fc.property(fc.array(request, { maxLength: 8 }), asker, (waiting, applicant) => {
        let before = -1;
        for (const devices of [1, 2, 9, 10, 11, 20, 50, 100, 1000]) {
          const ahead = aheadOf(waiting, applicant, devices, 10);
          expect(ahead).toBeGreaterThanOrEqual(Math.max(before, Math.ceil(devices / 10) - 1));
          before = ahead;
        }
      }),
      { numRuns: runs(300), examples: [[known, { priority: "normal", scope: SCOPE }]] },
    );
  });
});
