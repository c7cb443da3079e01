import { describe, expect, it } from "vitest";
import { Bisection } from "../../../../src/gateway/queue/bisection.js";
import { QueueEntry } from "../../../../src/gateway/queue/queue-entry.js";
import type { ScopeQueue } from "../../../../src/gateway/queue/scope-queue.js";
import { ScopeQueues } from "../../../../src/gateway/queue/scope-queues.js";
import { aScope, aWaiter, names, SCOPE } from "../../../support/fake-command.js";
import { ROOM } from "../../../support/fake-upstream.js";

function wait(scopeQueues: ScopeQueues, scopeQueue: ScopeQueue, deviceNames: readonly string[]): void {
  const entry = new QueueEntry(aWaiter({ deviceNames }), scopeQueue, 0);
  scopeQueues.resize(scopeQueue, () => {
    for (const name of deviceNames) scopeQueue.own(entry, name);
  });
}

describe("ScopeQueues", () => {
  it("has one scope queue for all that share a scope, as long as anybody waits there", () => {
    const scopeQueues = new ScopeQueues(ROOM);
    const [a, b] = ["a", "b"].map((caller) => aWaiter({ caller }));
    if (!a || !b) throw new Error("no waiters");
    const scopeQueue = scopeQueues.scopeQueueOf(a, 0);
    wait(scopeQueues, scopeQueue, names(3));
    expect(scopeQueues.scopeQueueOf(b, 0)).toBe(scopeQueue);
    expect(scopeQueues.scopeQueueOf(aWaiter({ scope: aScope("other") }), 0)).not.toBe(scopeQueue);
    expect(scopeQueues.sharedQueue(SCOPE)).toBe(scopeQueue);
    scopeQueues.resize(scopeQueue, () =>
      scopeQueue.fill(new QueueEntry(a, scopeQueue, 0), { room: ROOM, weightOf: () => 1, maySend: () => true }),
    );
    scopeQueues.resize(scopeQueue, () => {});
    expect(scopeQueues.calls).toBe(1);
  });

  it("lets who has to be sent alone have a scope queue of its own, and share again afterwards", () => {
    const scopeQueues = new ScopeQueues(ROOM);
    const culprit = aWaiter({ caller: "culprit" });
    scopeQueues.setAlone(SCOPE, "culprit", 60_000, 0);
    const own = scopeQueues.scopeQueueOf(culprit, 59_999);
    expect(own.scope).toEqual(SCOPE);
    expect(own).not.toBe(scopeQueues.scopeQueueOf(aWaiter({ caller: "other" }), 59_999));
    expect(scopeQueues.scopeQueueOf(aWaiter({ caller: "culprit", scope: aScope("other") }), 0).key).not.toContain(
      "culprit",
    );
    expect(scopeQueues.scopeQueueOf(culprit, 60_000)).toBe(
      scopeQueues.scopeQueueOf(aWaiter({ caller: "other" }), 60_000),
    );
  });

  it("lets each be sent alone for its own time, whoever else has to meanwhile", () => {
    const scopeQueues = new ScopeQueues(ROOM);
    const [early, late, other] = ["early", "late", "other"].map((caller) => aWaiter({ caller }));
    if (!early || !late || !other) throw new Error("no waiters");
    scopeQueues.setAlone(SCOPE, "early", 60_000, 0);
    scopeQueues.setAlone(SCOPE, "late", 90_000, 30_000);
    expect(new Set([early, late, other].map((waiter) => scopeQueues.scopeQueueOf(waiter, 59_999))).size).toBe(3);
    expect(scopeQueues.scopeQueueOf(early, 60_000)).toBe(scopeQueues.scopeQueueOf(other, 60_000));
    expect(scopeQueues.scopeQueueOf(late, 89_999)).not.toBe(scopeQueues.scopeQueueOf(other, 89_999));
  });

  it("never lets anybody join devices that are being told apart", () => {
    const scopeQueues = new ScopeQueues(ROOM);
    const bisection = new Bisection();
    const [one, two] = [scopeQueues.separateQueue(SCOPE, bisection), scopeQueues.separateQueue(SCOPE, bisection)];
    const keys = [one, two, scopeQueues.scopeQueueOf(aWaiter(), 0)].map(({ key }) => key);
    expect(new Set(keys).size).toBe(3);
    expect(scopeQueues.again(one)).toMatchObject({ key: one.key, bisection });
    expect(scopeQueues.again(one)).toBe(scopeQueues.again(one));
  });

  it("has no scope queue apart before anybody waits there (was: one for ever, if its callers had left)", () => {
    const scopeQueues = new ScopeQueues(ROOM);
    const apart = scopeQueues.separateQueue(SCOPE, new Bisection());
    expect([...scopeQueues]).toEqual([]);
    const scopeQueue = scopeQueues.again(apart);
    wait(scopeQueues, scopeQueue, names(1));
    expect([...scopeQueues]).toEqual([scopeQueue]);
  });

  it("counts the calls that it takes, and forgets scope queues where nobody waits", () => {
    const scopeQueues = new ScopeQueues(ROOM);
    const scopeQueue = scopeQueues.scopeQueueOf(aWaiter(), 0);
    wait(scopeQueues, scopeQueue, names(201));
    expect([scopeQueues.calls, [...scopeQueues].length]).toEqual([2, 1]);
    const entry = new QueueEntry(aWaiter({ deviceNames: names(10) }), scopeQueue, 0);
    scopeQueues.resize(scopeQueue, () => {
      for (const name of names(10)) scopeQueue.own(entry, name);
    });
    expect(scopeQueues.calls).toBe(2);
    scopeQueues.resize(scopeQueue, () => scopeQueue.disown(entry));
    expect(scopeQueues.calls).toBe(2);
    expect([...scopeQueues]).toEqual([scopeQueue]);
  });

  it("takes a scope queue for silent that has sent nothing for a second, and a new one", () => {
    const scopeQueues = new ScopeQueues(ROOM);
    const scopeQueue = scopeQueues.scopeQueueOf(aWaiter(), 0);
    expect(scopeQueues.isSilent(scopeQueue, 0)).toBe(true);
    scopeQueues.noteCut(scopeQueue, 500);
    expect([scopeQueues.isSilent(scopeQueue, 1499), scopeQueues.isSilent(scopeQueue, 1500)]).toEqual([false, true]);
    scopeQueues.noteCut(scopeQueue, 1200);
    scopeQueues.noteCut(scopeQueues.scopeQueueOf(aWaiter({ scope: aScope("other") }), 0), 1600);
    expect(scopeQueues.isSilent(scopeQueue, 2100)).toBe(false);
  });
});
