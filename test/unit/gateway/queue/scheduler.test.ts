import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Command, PRIORITIES, type Priority } from "../../../../src/gateway/command.js";
import { Place } from "../../../../src/gateway/queue/queue-entry.js";
import { Turns } from "../../../../src/gateway/queue/scheduler.js";
import { Lane } from "../../../../src/gateway/queue/scope-queue.js";
import { aWaiter, SCOPE } from "../../../support/fake-command.js";
import { runs } from "../../../support/property-runs.js";

const EVERYBODY = () => true;

function turnsOf(commands: readonly Partial<Command>[]) {
  const turns = new Turns({ seatsPerCall: 200, weightOf: () => 1, creditNameOf: () => "" });
  const places = commands.map((command, n) => {
    const place = new Place(aWaiter(command, n), new Lane("key", SCOPE), 0);
    turns.add(place);
    return place;
  });
  let nowMs = 0;
  /** The caller of the next turn, which pays for a whole call of its own. */
  const next = (mayGo: (place: Place) => boolean = EVERYBODY) => {
    const place = turns.next(mayGo, nowMs);
    if (!place) return undefined;
    const { caller } = place.waiter.command;
    turns.charge(place, new Map([[caller, 200]]), nowMs);
    nowMs += 100;
    return caller;
  };
  return { turns, places, next };
}

describe("Turns.next", () => {
  it("takes the highest class that waits, and in it callers in turn", () => {
    const { next, places, turns } = turnsOf([
      { caller: "bulk", priority: "bulk" },
      { caller: "a" },
      { caller: "b" },
      { caller: "urgent", priority: "urgent" },
    ]);
    expect(next()).toBe("urgent");
    turns.remove(places[3] as Place);
    expect([next(), next(), next()]).toEqual(["a", "b", "a"]);
    for (const place of places.slice(1, 3)) turns.remove(place);
    expect(next()).toBe("bulk");
    turns.remove(places[0] as Place);
    expect(next()).toBeUndefined();
  });

  it("takes a caller's places in the order in which they came, those that came back first", () => {
    const { turns, places } = turnsOf([{ deviceNames: ["one"] }, { deviceNames: ["two"] }, { deviceNames: ["three"] }]);
    expect(turns.next(EVERYBODY, 0)).toBe(places[0]);
    turns.addInFront(places[2] as Place, "spent");
    expect(turns.next(EVERYBODY, 0)).toBe(places[2]);
    expect(turns.next((place) => place !== places[2], 0)).toBe(places[0]);
  });

  it("passes over who may not go, without taking their turn", () => {
    const { next } = turnsOf([{ caller: "a" }, { caller: "b" }]);
    const notA = ({ waiter }: Place) => waiter.command.caller !== "a";
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

  it("counts calls that the lower class had no right to as well (was: each began the count anew)", () => {
    const { next } = turnsOf([{ caller: "low" }, { caller: "high", priority: "urgent" }]);
    const onlyHigh = ({ waiter }: Place) => waiter.command.caller === "high";
    for (let n = 0; n < 9; n++) expect(next(n % 3 === 2 ? onlyHigh : EVERYBODY)).toBe("high");
    expect(next(onlyHigh)).toBe("high"); // a newcomer's token, when it would be the other's turn
    expect(next()).toBe("low");
    expect(next()).toBe("high");
  });

  it("begins to count when a lower class begins to wait", () => {
    const { next, turns } = turnsOf([{ caller: "high", priority: "urgent" }]);
    for (let n = 0; n < 30; n++) next();
    turns.add(new Place(aWaiter({ caller: "low" }, 3000), new Lane("key", SCOPE), 0));
    const calls = Array.from({ length: 10 }, () => next());
    expect(calls.indexOf("low")).toBe(9);
  });

  it("gives NORMAL its turn when URGENT comes and goes in nines (was: none, BULK had every tenth call)", () => {
    const { next, turns } = turnsOf([{ caller: "normal" }, { caller: "bulk", priority: "bulk" }]);
    const calls = Array.from({ length: 5 }, (_, burst) => {
      const urgent = { caller: "urgent", priority: "urgent" } as const;
      const place = new Place(aWaiter(urgent, burst * 1000), new Lane("key", SCOPE), 0);
      turns.add(place);
      const before = Array.from({ length: 9 }, () => next());
      turns.remove(place);
      return [...before, next()];
    });
    const lower = calls.flat().filter((caller) => caller !== "urgent");
    expect(lower.slice(0, 6)).toEqual(["normal", "bulk", "normal", "bulk", "normal", "bulk"]);
  });

  it("goes by who had the last turn when two classes have waited since the same moment", () => {
    const { next, turns } = turnsOf([{ caller: "normal" }, { caller: "urgent", priority: "urgent" }]);
    for (let n = 0; n < 9; n++) expect(next()).toBe("urgent");
    turns.add(new Place(aWaiter({ caller: "bulk", priority: "bulk" }, 900), new Lane("key", SCOPE), 0));
    expect(next()).toBe("normal"); // at 900 ms as well
    for (let n = 0; n < 9; n++) expect(next()).toBe("urgent");
    expect(next()).toBe("bulk");
  });

  it("does not have who comes to one class wait for what others have had of another", () => {
    const { next, places, turns } = turnsOf([{ caller: "urgent", priority: "urgent" }, { caller: "first" }]);
    for (let n = 0; n < 200; n++) next();
    turns.remove(places[0] as Place);
    turns.add(new Place(aWaiter({ caller: "second" }, 20_000), new Lane("key", SCOPE), 0));
    expect([next(), next(), next()]).toContain("second");
  });

  it("gives nobody credit in one class who has just had a seat in another", () => {
    const turns = new Turns({ seatsPerCall: 200, weightOf: () => 1, creditNameOf: (caller) => caller });
    const add = (command: Partial<Command>) => turns.add(new Place(aWaiter(command), new Lane("key", SCOPE), 0));
    for (const caller of ["a", "b", "c"]) add({ caller, priority: "urgent" });
    add({ caller: "d" });
    let nowMs = 0;
    const next = () => {
      const place = turns.next(EVERYBODY, nowMs) as Place;
      const { caller } = place.waiter.command;
      turns.charge(place, new Map([[caller, 1]]), nowMs);
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
        const { turns } = turnsOf([]);
        const waiting = new Map<Priority, { place: Place; left: number; patience: number; passedOver: number }>();
        const leave = (priority: Priority, place: Place) => {
          turns.remove(place);
          waiting.delete(priority);
        };
        let n = 0;
        const call = () => {
          const next = turns.next(EVERYBODY, n++ * 100);
          if (next) turns.charge(next, new Map([[next.waiter.command.caller, 200]]), n * 100);
          for (const [priority, each] of waiting) {
            each.passedOver = each.place === next ? 0 : each.passedOver + 1;
            if (each.passedOver > (priority === "urgent" ? 1 : 19)) throw new Error(`${priority}: ${each.passedOver}`);
            if (each.place === next) each.left--;
            if (each.left === 0 || --each.patience === 0) leave(priority, each.place);
          }
        };
        for (const { priority, after, calls, patience } of arrivals) {
          for (let passed = 0; passed < after; passed++) call();
          if (waiting.has(priority)) continue;
          const place = new Place(aWaiter({ caller: priority, priority }, n * 100), new Lane("key", SCOPE), 0);
          turns.add(place);
          waiting.set(priority, { place, left: calls, patience, passedOver: 0 });
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

describe("Turns.refund", () => {
  it("puts those whose call was turned away before all others again", () => {
    const { turns, places } = turnsOf([{ caller: "a" }, { caller: "b" }]);
    const first = turns.next(EVERYBODY, 0) as Place;
    const bill = turns.charge(first, new Map([["a", 200]]), 0);
    expect(turns.next(EVERYBODY, 0)).toBe(places[1]);
    turns.refund(bill);
    expect(turns.next(EVERYBODY, 0)).toBe(places[0]);
  });
});
