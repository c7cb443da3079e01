// Who gets how much, and who waits how long, through the whole queue: callers who want more than they get,
// in simulated time at ten calls a second.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PRIORITIES, type Priority } from "../../src/gateway/command.js";
import { type Batch, Queue } from "../../src/gateway/queue.js";
import { EQUAL } from "../support/fake-callers.js";
import { aScope, aWaiter, names } from "../support/fake-command.js";
import { ROOM } from "../support/fake-upstream.js";

const SEATS = ROOM.devices;
const CALL_MS = 100;

interface Caller {
  readonly name: string;
  readonly weight: number;
  readonly priority: Priority;
}

function queueFor(callers: readonly Caller[], proven = false): Queue {
  const weights = new Map(callers.map(({ name, weight }) => [name, weight]));
  const creditNameOf = proven ? (caller: string) => caller : EQUAL.creditNameOf;
  return new Queue(ROOM, { weightOf: (caller) => weights.get(caller) ?? 1, creditNameOf });
}

function ask(queue: Queue, { name, priority }: Caller, scope: string, devices: number, arrivedMs = 0): void {
  const deviceNames = names(devices, 0, `${name}-${scope}-${arrivedMs}-`);
  queue.add(aWaiter({ caller: name, priority, scope: aScope(scope), deviceNames, answerByMs: Infinity }, arrivedMs));
}

function cut(queue: Queue, nth: number): Batch {
  const batch = queue.cut({ nowMs: nth * CALL_MS, answerMs: 50, newcomersOnly: false });
  if (!batch) throw new Error("nobody was taken on board");
  return batch;
}

/** Seats by caller. */
function aboard({ seats }: Batch): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { owners } of seats) {
    const caller = owners[0]?.waiter.command.caller ?? "";
    counts.set(caller, (counts.get(caller) ?? 0) + 1);
  }
  return counts;
}

function callersOf(weights: readonly number[], priority: Priority = "normal"): Caller[] {
  return weights.map((weight, n) => ({ name: `c${n}`, weight, priority }));
}

/** How many calls may pass in which this caller has work and no seat. */
function mostPassedOver({ name, weight, priority }: Caller, callers: readonly Caller[]): number {
  const peers = callers.filter((other) => other.name !== name && other.priority === priority);
  // As FairShare states it, and one call more for each, which they may have ridden along on in other lanes.
  const turns = peers.reduce((sum, other) => sum + (2 * other.weight) / weight + 3, 1);
  const [highest, ...lower] = PRIORITIES.filter((each) => callers.some((caller) => caller.priority === each));
  // The lower classes share every tenth call; the highest has the others.
  // and one more for each of them, since a class that has just come waits for its first turn as well.
  if (priority !== highest) return (turns * 10 + 1) * lower.length;
  return lower.length === 0 ? turns : Math.ceil((turns * 10) / 9);
}

const weights = (maxLength: number) => fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength });

describe("Queue.cut, over many calls,", () => {
  it("gives callers of one scope their weights' parts of the seats, to within a tenth of a call", () => {
    const calls = 60;
    fc.assert(
      fc.property(weights(60), (all) => {
        const callers = callersOf(all);
        const queue = queueFor(callers);
        for (const caller of callers) ask(queue, caller, "shared", calls * SEATS);
        const had = new Map<string, number>();
        for (let nth = 0; nth < calls; nth++) {
          for (const [name, seats] of aboard(cut(queue, nth))) had.set(name, (had.get(name) ?? 0) + seats);
        }
        const sum = all.reduce((total, weight) => total + weight, 0);
        for (const { name, weight } of callers) {
          expect(Math.abs((had.get(name) ?? 0) - (calls * SEATS * weight) / sum)).toBeLessThanOrEqual(SEATS / 10);
        }
      }),
      { numRuns: 25 },
    );
  });

  it("does so with more callers than seats (was: the first 199 to come had all seats but one)", () => {
    const callers = callersOf(Array.from({ length: 500 }, (_, n) => (n % 2 === 0 ? 1 : 3)));
    const queue = queueFor(callers);
    for (const caller of callers) ask(queue, caller, "shared", 300);
    const had = new Map<string, number>();
    for (let nth = 0; nth < 150; nth++) {
      for (const [name, seats] of aboard(cut(queue, nth))) had.set(name, (had.get(name) ?? 0) + seats);
    }
    // 30,000 seats for a weight of 1,000.
    for (const { name, weight } of callers) {
      expect(Math.abs((had.get(name) ?? 0) - 30 * weight)).toBeLessThanOrEqual(3);
    }
  });

  it("gives callers of their own scopes their weights' parts of 200 calls, to within half a call for each caller, and one", () => {
    fc.assert(
      fc.property(weights(8), fc.nat(7), (all, scattered) => {
        const callers = callersOf(all);
        const queue = queueFor(callers);
        const calls = 200;
        for (const [n, caller] of callers.entries()) {
          // One of them has one device in each of a thousand scopes, as against a heap in one.
          if (n === scattered % all.length) for (let s = 0; s < 1000; s++) ask(queue, caller, `scattered-${s}`, 1);
          else ask(queue, caller, `own-${n}`, calls * SEATS);
        }
        const had = new Map<string, number>();
        for (let nth = 0; nth < calls; nth++) {
          for (const name of aboard(cut(queue, nth)).keys()) had.set(name, (had.get(name) ?? 0) + 1);
        }
        const sum = all.reduce((total, weight) => total + weight, 0);
        for (const { name, weight } of callers) {
          expect(Math.abs((had.get(name) ?? 0) - (calls * weight) / sum)).toBeLessThanOrEqual(all.length / 2 + 1);
        }
      }),
      { numRuns: 25 },
    );
  });

  it("passes no caller with work over for longer than its class's part of the calls and its weight explain", () => {
    const caller = fc.record({
      weight: fc.integer({ min: 1, max: 5 }),
      priority: fc.constantFrom(...PRIORITIES),
      scopes: fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 4 }),
      devices: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 700 })),
      /** Asks again so many calls after it asked last; 0 keeps it busy. */
      every: fc.integer({ min: 0, max: 12 }),
    });
    const all = fc.array(caller, { minLength: 2, maxLength: 9 });
    fc.assert(
      fc.property(all, fc.boolean(), (described, proven) => {
        const callers = described.map((each, n) => ({ ...each, name: `c${n}` }));
        const queue = queueFor(callers, proven);
        const passed = new Map<string, number>();
        for (let nth = 0; nth < 250; nth++) {
          for (const each of callers) {
            const { name, scopes, devices, every } = each;
            const isDue = every === 0 ? !queue.tally.devicesByCaller.has(name) : nth % every === 0;
            if (isDue) ask(queue, each, `s${scopes[nth % scopes.length]}`, devices, nth * CALL_MS);
          }
          const waiting = new Set(queue.tally.devicesByCaller.keys());
          if (waiting.size === 0) continue;
          const seated = aboard(cut(queue, nth));
          for (const each of callers) {
            const count = waiting.has(each.name) && !seated.has(each.name) ? (passed.get(each.name) ?? 0) + 1 : 0;
            passed.set(each.name, count);
            // With proven callers every other turn may go by credit.
            if (count > (proven ? 2 : 1) * mostPassedOver(each, callers)) throw new Error(`${each.name}: ${count}`);
          }
        }
      }),
      { numRuns: 80 },
    );
  });

  it("gives every tenth call to the lower classes, and that in turn", () => {
    const callers = PRIORITIES.map((priority) => ({ name: priority, weight: 1, priority }));
    const queue = queueFor(callers);
    // The oldest request is a heap of BULK, which must not take every tenth call from NORMAL.
    for (const caller of callers.toReversed()) ask(queue, caller, caller.name, 100 * SEATS);
    const turns = Array.from({ length: 60 }, (_, nth) => cut(queue, nth).lane.scope.productKey);
    const lower = turns.flatMap((name, nth) => (name === "urgent" ? [] : [[nth + 1, name]]));
    expect(lower.map(([nth]) => nth)).toEqual([10, 20, 30, 40, 50, 60]);
    expect(lower.filter(([, name]) => name === "normal")).toHaveLength(3);
  });
});
