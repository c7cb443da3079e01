import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Command, PRIORITIES, type Priority } from "../../../../src/gateway/command.js";
import { refund } from "../../../../src/gateway/queue/fair-share.js";
import type { QueueEntry } from "../../../../src/gateway/queue/queue-entry.js";
import { type NextCall, Scheduler } from "../../../../src/gateway/queue/scheduler.js";
import { runs } from "../../../support/property-runs.js";
import { anEntry } from "../../../support/queue-entries.js";

const EVERYBODY = () => true;

function turnsOf(commands: readonly Partial<Command>[]) {
  const scheduler = new Scheduler({ seatsPerCall: 200, weightOf: () => 1, creditNameOf: () => "" });
  const entries = commands.map((command, n) => {
    const entry = anEntry(command, n);
    scheduler.add(entry);
    return entry;
  });
  let nowMs = 0;
  /** The caller of the next turn, which pays for a whole call of its own. */
  const next = (mayGo: (entry: QueueEntry) => boolean = EVERYBODY) => {
    const call = scheduler.next(mayGo, nowMs);
    if (!call) return undefined;
    const { caller } = call.turn;
    scheduler.charge(call, new Map([[caller, 200]]), nowMs);
    nowMs += 100;
    return caller;
  };
  return { scheduler, entries, next };
}

describe("Scheduler.next", () => {
  it("takes the highest class that waits, and in it callers in turn", () => {
    const { next, entries, scheduler } = turnsOf([
      { caller: "bulk", priority: "bulk" },
      { caller: "a" },
      { caller: "b" },
      { caller: "urgent", priority: "urgent" },
    ]);
    expect(next()).toBe("urgent");
    scheduler.remove(entries[3] as QueueEntry);
    expect([next(), next(), next()]).toEqual(["a", "b", "a"]);
    for (const entry of entries.slice(1, 3)) scheduler.remove(entry);
    expect(next()).toBe("bulk");
    scheduler.remove(entries[0] as QueueEntry);
    expect(next()).toBeUndefined();
  });

  it("takes a caller's places in the order in which they came, those that came back first", () => {
    const { scheduler, entries } = turnsOf([
      { deviceNames: ["one"] },
      { deviceNames: ["two"] },
      { deviceNames: ["three"] },
    ]);
    expect(scheduler.next(EVERYBODY, 0)?.entry).toBe(entries[0]);
    scheduler.add(entries[2] as QueueEntry, "spent");
    expect(scheduler.next(EVERYBODY, 0)?.entry).toBe(entries[2]);
    expect(scheduler.next((entry) => entry !== entries[2], 0)?.entry).toBe(entries[0]);
  });

  it("skips callers that may not go, without using up their turn", () => {
    const { next } = turnsOf([{ caller: "a" }, { caller: "b" }]);
    const notA = ({ waiter }: QueueEntry) => waiter.command.caller !== "a";
    expect([next(notA), next(), next()]).toEqual(["b", "a", "b"]);
    expect(next(() => false)).toBeUndefined();
  });

  it("gives every tenth call to a lower class", () => {
    const { next } = turnsOf([{ caller: "low" }, { caller: "high", priority: "urgent" }]);
    const calls = Array.from({ length: 40 }, () => next());
    expect(calls.flatMap((caller, n) => (caller === "low" ? [n + 1] : []))).toEqual([10, 20, 30, 40]);
  });

  it("gives lower classes their tenth calls in turn, whichever has the oldest request (was: all to that)", () => {
    const { next } = turnsOf([
      { caller: "bulk", priority: "bulk" },
      { caller: "normal" },
      { caller: "urgent", priority: "urgent" },
    ]);
    const calls = Array.from({ length: 60 }, () => next()).filter((caller) => caller !== "urgent");
    expect(calls).toEqual(["bulk", "normal", "bulk", "normal", "bulk", "normal"]);
  });

  it("counts calls that the lower class had no right to as well (was: each reset the count)", () => {
    const { next } = turnsOf([{ caller: "low" }, { caller: "high", priority: "urgent" }]);
    const onlyHigh = ({ waiter }: QueueEntry) => waiter.command.caller === "high";
    for (let n = 0; n < 9; n++) expect(next(n % 3 === 2 ? onlyHigh : EVERYBODY)).toBe("high");
    expect(next(onlyHigh)).toBe("high"); // a newcomer's token, when it would be the other's turn
    expect(next()).toBe("low");
    expect(next()).toBe("high");
  });

  it("gives BULK its tenth calls also while URGENT waits and cannot go (was: none, NORMAL had all)", () => {
    const { next } = turnsOf([
      { caller: "urgent", priority: "urgent" },
      { caller: "normal" },
      { caller: "bulk", priority: "bulk" },
    ]);
    const calls = Array.from({ length: 40 }, () => next(({ waiter }) => waiter.command.caller !== "urgent"));
    expect(calls.flatMap((caller, n) => (caller === "bulk" ? [n + 1] : []))).toEqual([10, 20, 30, 40]);
    expect(calls).not.toContain("urgent");
  });

  it("begins to count when a lower class begins to wait", () => {
    const { next, scheduler } = turnsOf([{ caller: "high", priority: "urgent" }]);
    for (let n = 0; n < 30; n++) next();
    scheduler.add(anEntry({ caller: "low" }, 3000));
    const calls = Array.from({ length: 10 }, () => next());
    expect(calls.indexOf("low")).toBe(9);
  });

  it("gives NORMAL its turn when URGENT comes and goes in nines (was: none, BULK had every tenth call)", () => {
    const { next, scheduler } = turnsOf([{ caller: "normal" }, { caller: "bulk", priority: "bulk" }]);
    const calls = Array.from({ length: 5 }, (_, burst) => {
      const urgent = { caller: "urgent", priority: "urgent" } as const;
      const entry = anEntry(urgent, burst * 1000);
      scheduler.add(entry);
      const before = Array.from({ length: 9 }, () => next());
      scheduler.remove(entry);
      return [...before, next()];
    });
    const lower = calls.flat().filter((caller) => caller !== "urgent");
    expect(lower.slice(0, 6)).toEqual(["normal", "bulk", "normal", "bulk", "normal", "bulk"]);
  });

  it("prefers the class that had its last turn earlier when two have waited since the same moment", () => {
    const { next, scheduler } = turnsOf([{ caller: "normal" }, { caller: "urgent", priority: "urgent" }]);
    for (let n = 0; n < 9; n++) expect(next()).toBe("urgent");
    scheduler.add(anEntry({ caller: "bulk", priority: "bulk" }, 900));
    expect(next()).toBe("normal"); // at 900 ms as well
    for (let n = 0; n < 9; n++) expect(next()).toBe("urgent");
    expect(next()).toBe("bulk");
  });

  it("does not make a newcomer to one class wait for what others have had of another", () => {
    const { next, entries, scheduler } = turnsOf([{ caller: "urgent", priority: "urgent" }, { caller: "first" }]);
    for (let n = 0; n < 200; n++) next();
    scheduler.remove(entries[0] as QueueEntry);
    scheduler.add(anEntry({ caller: "second" }, 20_000));
    expect([next(), next(), next()]).toContain("second");
  });

  it("gives a caller no credit in one class when it has just had a seat in another", () => {
    const scheduler = new Scheduler({ seatsPerCall: 200, weightOf: () => 1, creditNameOf: (caller) => caller });
    const add = (command: Partial<Command>) => scheduler.add(anEntry(command));
    for (const caller of ["a", "b", "c"]) add({ caller, priority: "urgent" });
    add({ caller: "d" });
    let nowMs = 0;
    const next = () => {
      const call = scheduler.next(EVERYBODY, nowMs) as NextCall;
      const { caller } = call.turn;
      scheduler.charge(call, new Map([[caller, 1]]), nowMs);
      nowMs += 100;
      return caller;
    };
    expect(Array.from({ length: 10 }, next).at(-1)).toBe("d");
    next();
    add({ caller: "d", priority: "urgent" });
    expect(next()).not.toBe("d");
    add({ caller: "e", priority: "urgent" });
    expect(next()).toBe("e");
  });

  it("gives a class that waits one call in ten for each other class, however those come and go", () => {
    const arrival = fc.record({
      priority: fc.constantFrom(...PRIORITIES),
      after: fc.nat(12),
      calls: fc.integer({ min: 1, max: 12 }),
      patience: fc.integer({ min: 1, max: 60 }),
    });
    fc.assert(
      fc.property(fc.array(arrival, { minLength: 60, maxLength: 120 }), (arrivals) => {
        const { scheduler } = turnsOf([]);
        const waiting = new Map<Priority, { entry: QueueEntry; left: number; patience: number; passedOver: number }>();
        const leave = (priority: Priority, entry: QueueEntry) => {
          scheduler.remove(entry);
          waiting.delete(priority);
        };
        let n = 0;
        const call = () => {
          const next = scheduler.next(EVERYBODY, n++ * 100);
          if (next) scheduler.charge(next, new Map([[next.turn.caller, 200]]), n * 100);
          for (const [priority, each] of waiting) {
            each.passedOver = each.entry === next?.entry ? 0 : each.passedOver + 1;
            if (each.passedOver > (priority === "urgent" ? 1 : 19)) throw new Error(`${priority}: ${each.passedOver}`);
            if (each.entry === next?.entry) each.left--;
            if (each.left === 0 || --each.patience === 0) leave(priority, each.entry);
          }
        };
        for (const { priority, after, calls, patience } of arrivals) {
          for (let passed = 0; passed < after; passed++) call();
          if (waiting.has(priority)) continue;
          const entry = anEntry({ caller: priority, priority }, n * 100);
          scheduler.add(entry);
          waiting.set(priority, { entry, left: calls, patience, passedOver: 0 });
        }
      }),
      { numRuns: runs(1000) },
    );
  });

  it("serves a hundred and fifty thousand callers (was: too many arguments for Math.min)", () => {
    const commands = Array.from({ length: 150_000 }, (_, n) => ({ caller: `c${n}`, priority: "bulk" as const }));
    const { next } = turnsOf([...commands, { caller: "high", priority: "urgent" }]);
    const calls = Array.from({ length: 10 }, () => next());
    expect(calls[9]).toBe("c0");
  });
});

describe("Scheduler.charge", () => {
  it("refunded, puts the callers of the call that was turned away before all others again", () => {
    const { scheduler, entries } = turnsOf([{ caller: "a" }, { caller: "b" }]);
    const first = scheduler.next(EVERYBODY, 0) as NextCall;
    const charge = scheduler.charge(first, new Map([["a", 200]]), 0);
    expect(scheduler.next(EVERYBODY, 0)?.entry).toBe(entries[1]);
    refund(charge);
    expect(scheduler.next(EVERYBODY, 0)?.entry).toBe(entries[0]);
  });
});
