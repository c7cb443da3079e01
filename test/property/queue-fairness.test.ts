// How much each caller gets and how long it waits, through the whole queue: callers that want more
// than they get, in simulated time at ten calls a second. The maximum number of calls that pass
// over a caller that always has work and time:
//
// By share, fewer than 2 W/w calls of its class, with W the weight of all in the class
// (fair-share.test.ts): K = ⌈2 W/w⌉ - 1. If others have credit, one more call can go before each of
// these K and after the last: 2 K + 1. A lower class has one call in ten for each other class:
// after nine calls of the highest class comes the class that has waited longest, and each other one
// can have waited longer only once. So before the K + 1st call of its class, which includes the
// caller, there are at most (K + 1) × 10 × (classes - 1) - 1 calls. If no class is higher, nine
// calls of its own lie between two of lower ones: K + 1 + ⌊K/9⌋ calls.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PRIORITIES, type Priority } from "../../src/gateway/command.js";
import { type Batch, Queue } from "../../src/gateway/queue/queue.js";
import type { Waiter } from "../../src/gateway/waiter.js";
import { EQUAL } from "../support/fake-callers.js";
import { aScope, aWaiter, names } from "../support/fake-command.js";
import { ROOM } from "../support/fake-upstream.js";
import { runs } from "../support/property-runs.js";
import { seededRandom } from "../support/seeded-random.js";

const SEATS = ROOM.devices;
const CALL_MS = 100;

interface Caller {
  readonly name: string;
  readonly weight: number;
  readonly priority: Priority;
}

function queueFor(callers: readonly Caller[], { proven = false, devices = SEATS } = {}): Queue {
  const weights = new Map(callers.map(({ name, weight }) => [name, weight]));
  const creditNameOf = proven ? (caller: string) => caller : EQUAL.creditNameOf;
  return new Queue({ ...ROOM, devices }, { weightOf: (caller) => weights.get(caller) ?? 1, creditNameOf });
}

function ask(queue: Queue, { name, priority }: Caller, scope: string, devices: number, arrivedMs = 0): Waiter {
  const deviceNames = names(devices, 0, `${name}-${scope}-${arrivedMs}-`);
  const command = { caller: name, priority, scope: aScope(scope), deviceNames, answerByMs: Infinity };
  const waiter = aWaiter(command, arrivedMs);
  queue.add(waiter);
  return waiter;
}

function cut(queue: Queue, nth: number): Batch {
  const batch = queue.cut({ nowMs: nth * CALL_MS, answerMs: 50, newcomersOnly: false });
  if (!batch) throw new Error("no batch was cut");
  return batch;
}

/** Seats by caller. */
function inCall({ devices }: Batch): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { owners } of devices) {
    const caller = owners[0]?.waiter.command.caller ?? "";
    counts.set(caller, (counts.get(caller) ?? 0) + 1);
  }
  return counts;
}

function callersOf(weights: readonly number[], priority: Priority = "normal"): Caller[] {
  return weights.map((weight, n) => ({ name: `c${n}`, weight, priority }));
}

/** The maximum number of calls that pass over this caller while it has work: see above. */
function mostPassedOver({ weight, priority }: Caller, callers: readonly Caller[], proven: boolean): number {
  const sum = callers.reduce((all, other) => (other.priority === priority ? all + other.weight : all), 0);
  const byShare = Math.ceil((2 * sum) / weight) - 1;
  const ofClass = proven ? 2 * byShare + 1 : byShare;
  const [highest, ...lower] = PRIORITIES.filter((each) => callers.some((caller) => caller.priority === each));
  if (priority !== highest) return (ofClass + 1) * 10 * lower.length - 1;
  return lower.length === 0 ? ofClass : ofClass + 1 + Math.floor(ofClass / 9);
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
          for (const [name, seats] of inCall(cut(queue, nth))) had.set(name, (had.get(name) ?? 0) + seats);
        }
        const sum = all.reduce((total, weight) => total + weight, 0);
        for (const { name, weight } of callers) {
          expect(Math.abs((had.get(name) ?? 0) - (calls * SEATS * weight) / sum)).toBeLessThanOrEqual(SEATS / 10);
        }
      }),
      { numRuns: runs(25) },
    );
  });

  it("does so with more callers than seats (was: the first 199 to come had all seats but one)", () => {
    const callers = callersOf(Array.from({ length: 500 }, (_, n) => (n % 2 === 0 ? 1 : 3)));
    const queue = queueFor(callers);
    for (const caller of callers) ask(queue, caller, "shared", 300);
    const had = new Map<string, number>();
    for (let nth = 0; nth < 150; nth++) {
      for (const [name, seats] of inCall(cut(queue, nth))) had.set(name, (had.get(name) ?? 0) + seats);
    }
    // 30,000 seats for a weight of 1,000.
    for (const { name, weight } of callers) {
      expect(Math.abs((had.get(name) ?? 0) - 30 * weight)).toBeLessThanOrEqual(3);
    }
  });

  it("gives callers of their own scopes their weights' parts of the calls to within one, however they arrive", () => {
    fc.assert(
      fc.property(weights(8), fc.nat(7), fc.integer(), (all, scattered, seed) => {
        const random = seededRandom(seed);
        const callers = callersOf(all);
        const queue = queueFor(callers, { devices: 20 });
        const sum = all.reduce((total, weight) => total + weight, 0);
        const had = new Map<string, number>();
        let scope = 0;
        // One of them has one device in each of a thousand scopes; the others more than a call's
        // worth in a few.
        const askAtRandom = (caller: Caller, n: number, nth: number) => {
          const waiting = () => queue.backlog.devicesByCaller.get(caller.name) ?? 0;
          const [least, most] = n === scattered % all.length ? [2, 1] : [21, 50];
          while (waiting() < least || random() < 0.3) {
            const devices = Math.ceil(random() * most);
            ask(queue, caller, most === 1 ? `scattered-${++scope}` : `own-${n}-${++scope % 3}`, devices, nth * CALL_MS);
          }
        };
        for (let nth = 0; nth < 200; nth++) {
          for (const [n, caller] of callers.entries()) askAtRandom(caller, n, nth);
          for (const name of inCall(cut(queue, nth)).keys()) had.set(name, (had.get(name) ?? 0) + 1);
          for (const { name, weight } of callers) {
            const more = (had.get(name) ?? 0) - ((nth + 1) * weight) / sum;
            if (Math.abs(more) >= 1) throw new Error(`${name}, of weight ${weight} in ${sum}: ${more}`);
          }
        }
      }),
      { numRuns: runs(300) },
    );
  });

  it("passes no caller with work over for more calls than its class and its weight explain", () => {
    const caller = fc.record({
      weight: fc.integer({ min: 1, max: 5 }),
      priority: fc.constantFrom(...PRIORITIES),
      scopes: fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 4 }),
      /** Devices of each request; a call takes 20. */
      devices: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 70 })),
      /** Asks again this many calls after it last asked; 0 keeps it busy. */
      every: fc.integer({ min: 0, max: 12 }),
      /** Abandons its requests after this many calls; 0 for never. */
      patience: fc.oneof(fc.constant(0), fc.integer({ min: 5, max: 30 })),
    });
    const all = fc.array(caller, { minLength: 2, maxLength: 9 });
    fc.assert(
      fc.property(all, fc.boolean(), (described, proven) => {
        const callers = described.map((each, n) => ({ ...each, name: `c${n}`, asked: [] as Waiter[] }));
        const queue = queueFor(callers, { proven, devices: 20 });
        const passed = new Map<string, number>();
        for (let nth = 0; nth < 250; nth++) {
          for (const each of callers) {
            const { name, scopes, devices, every, patience, asked } = each;
            if (patience > 0 && nth % patience === 0) {
              for (const waiter of asked.splice(0)) queue.leave(waiter);
              passed.delete(name);
            }
            const isDue = every === 0 ? !queue.backlog.devicesByCaller.has(name) : nth % every === 0;
            if (isDue) asked.push(ask(queue, each, `s${scopes[nth % scopes.length]}`, devices, nth * CALL_MS));
          }
          const waiting = new Set(queue.backlog.devicesByCaller.keys());
          if (waiting.size === 0) continue;
          const seated = inCall(cut(queue, nth));
          for (const each of callers) {
            const count = waiting.has(each.name) && !seated.has(each.name) ? (passed.get(each.name) ?? 0) + 1 : 0;
            passed.set(each.name, count);
            if (count > mostPassedOver(each, callers, proven)) throw new Error(`${each.name}: ${count}`);
          }
        }
      }),
      { numRuns: runs(400) },
    );
  });

  it("gives every tenth call to the lower classes, and that in turn", () => {
    const callers = PRIORITIES.map((priority) => ({ name: priority, weight: 1, priority }));
    const queue = queueFor(callers);
    // The oldest request is a large one of BULK, which must not take every tenth call from NORMAL.
    for (const caller of callers.toReversed()) ask(queue, caller, caller.name, 100 * SEATS);
    const turns = Array.from({ length: 60 }, (_, nth) => cut(queue, nth).scopeQueue.scope.productKey);
    const lower = turns.flatMap((name, nth) => (name === "urgent" ? [] : [[nth + 1, name]]));
    expect(lower.map(([nth]) => nth)).toEqual([10, 20, 30, 40, 50, 60]);
    expect(lower.filter(([, name]) => name === "normal")).toHaveLength(3);
  });
});
