import { describe, expect, it } from "vitest";
import { type Applicant, callsBefore } from "../../../../src/gateway/admission/queue-position.js";
import type { Command } from "../../../../src/gateway/command.js";
import { Queue } from "../../../../src/gateway/queue/queue.js";
import { EQUAL } from "../../../support/fake-callers.js";
import { aScope, aWaiter, names, SCOPE } from "../../../support/fake-command.js";
import { ROOM } from "../../../support/fake-upstream.js";

function aheadOf(waiting: readonly Partial<Command>[], applicant: Partial<Applicant> = {}, devices = 1): number {
  const queue = new Queue(ROOM, EQUAL);
  for (const [n, command] of waiting.entries()) {
    const deviceNames = names(command.deviceNames?.length ?? 1, 0, `w${n}-`);
    queue.add(aWaiter({ caller: `w${n}`, ...command, deviceNames }));
  }
  return callsBefore({ caller: "asker", priority: "normal", scope: SCOPE, ...applicant }, devices, queue, ROOM.devices);
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
});
