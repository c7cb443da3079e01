import { describe, expect, it } from "vitest";
import { Backlog } from "../../../../src/gateway/queue/backlog.js";
import { Bisection } from "../../../../src/gateway/queue/bisection.js";
import type { QueueEntry } from "../../../../src/gateway/queue/queue-entry.js";
import { ScopeQueue } from "../../../../src/gateway/queue/scope-queue.js";
import { ScopeQueues } from "../../../../src/gateway/queue/scope-queues.js";
import { aScope, aWaiter, names, SCOPE } from "../../../support/fake-command.js";
import { ROOM } from "../../../support/fake-upstream.js";
import { anEntry } from "../../../support/queue-entries.js";

function newQueues(): { scopeQueues: ScopeQueues; backlog: Backlog } {
  const backlog = new Backlog(ROOM.devices);
  return { scopeQueues: new ScopeQueues((id) => new ScopeQueue(id, backlog, () => 1)), backlog };
}

function wait(scopeQueue: ScopeQueue, deviceNames: readonly string[]): QueueEntry {
  const entry = anEntry({ deviceNames }, 0, scopeQueue);
  scopeQueue.add(entry, deviceNames);
  return entry;
}

describe("ScopeQueues", () => {
  it("has one scope queue for all that share a scope, as long as anybody waits there", () => {
    const { scopeQueues, backlog } = newQueues();
    const [a, b] = ["a", "b"].map((caller) => aWaiter({ caller }));
    if (!a || !b) throw new Error("no waiters");
    const scopeQueue = scopeQueues.forWaiter(a, 0);
    const entry = wait(scopeQueue, names(3));
    expect(scopeQueues.forWaiter(b, 0)).toBe(scopeQueue);
    expect(scopeQueues.forWaiter(aWaiter({ scope: aScope("other") }), 0)).not.toBe(scopeQueue);
    expect(scopeQueues.shared(SCOPE)).toBe(scopeQueue);
    expect(backlog.calls).toBe(1);
    scopeQueue.fill(entry, { room: ROOM, maySend: () => true });
    scopeQueues.remove(entry);
    expect(backlog.calls).toBe(0);
    expect(scopeQueues.shared(SCOPE)).toBeUndefined();
  });

  it("lets who has to be sent alone have a scope queue of its own, and share again afterwards", () => {
    const { scopeQueues } = newQueues();
    const culprit = aWaiter({ caller: "culprit" });
    scopeQueues.setAlone(SCOPE, "culprit", 60_000, 0);
    const own = scopeQueues.forWaiter(culprit, 59_999);
    expect(own.id.scope).toEqual(SCOPE);
    expect(own).not.toBe(scopeQueues.forWaiter(aWaiter({ caller: "other" }), 59_999));
    expect(scopeQueues.forWaiter(aWaiter({ caller: "culprit", scope: aScope("other") }), 0).id.key).not.toContain(
      "culprit",
    );
    expect(scopeQueues.forWaiter(culprit, 60_000)).toBe(scopeQueues.forWaiter(aWaiter({ caller: "other" }), 60_000));
  });

  it("lets each be sent alone for its own time, whoever else has to meanwhile", () => {
    const { scopeQueues } = newQueues();
    const [early, late, other] = ["early", "late", "other"].map((caller) => aWaiter({ caller }));
    if (!early || !late || !other) throw new Error("no waiters");
    scopeQueues.setAlone(SCOPE, "early", 60_000, 0);
    scopeQueues.setAlone(SCOPE, "late", 90_000, 30_000);
    expect(new Set([early, late, other].map((waiter) => scopeQueues.forWaiter(waiter, 59_999))).size).toBe(3);
    expect(scopeQueues.forWaiter(early, 60_000)).toBe(scopeQueues.forWaiter(other, 60_000));
    expect(scopeQueues.forWaiter(late, 89_999)).not.toBe(scopeQueues.forWaiter(other, 89_999));
  });

  it("never lets anybody join devices that are being told apart", () => {
    const { scopeQueues } = newQueues();
    const bisection = new Bisection();
    const [one, two] = [scopeQueues.newId(SCOPE, bisection), scopeQueues.newId(SCOPE, bisection)];
    const keys = [one, two, scopeQueues.forWaiter(aWaiter(), 0).id].map(({ key }) => key);
    expect(new Set(keys).size).toBe(3);
    expect(scopeQueues.get(one).id).toEqual(one);
    expect(scopeQueues.get(one)).toBe(scopeQueues.get(one));
  });

  it("has no scope queue apart before anybody waits there (was: one for ever, if its callers had left)", () => {
    const { scopeQueues } = newQueues();
    const apart = scopeQueues.newId(SCOPE, new Bisection());
    expect([...scopeQueues]).toEqual([]);
    const scopeQueue = scopeQueues.get(apart);
    wait(scopeQueue, names(1));
    expect([...scopeQueues]).toEqual([scopeQueue]);
  });

  it("counts the calls that it takes, and forgets scope queues where nobody waits", () => {
    const { scopeQueues, backlog } = newQueues();
    const scopeQueue = scopeQueues.forWaiter(aWaiter(), 0);
    const entry = wait(scopeQueue, names(201));
    expect([backlog.calls, [...scopeQueues].length]).toEqual([2, 1]);
    const other = wait(scopeQueue, names(10));
    expect(backlog.calls).toBe(2);
    scopeQueue.disown(other);
    scopeQueues.remove(other);
    expect(backlog.calls).toBe(2);
    expect([...scopeQueues]).toEqual([scopeQueue]);
    scopeQueue.disown(entry);
    scopeQueues.remove(entry);
    expect([backlog.calls, backlog.devices, [...scopeQueues].length]).toEqual([0, 0, 0]);
  });

  it("takes a scope queue for silent that has sent nothing for a second, and a new one", () => {
    const { scopeQueues } = newQueues();
    const scopeQueue = scopeQueues.forWaiter(aWaiter(), 0);
    expect(scopeQueues.isSilent(scopeQueue.id, 0)).toBe(true);
    scopeQueues.noteCut(scopeQueue.id, 500);
    expect([scopeQueues.isSilent(scopeQueue.id, 1499), scopeQueues.isSilent(scopeQueue.id, 1500)]).toEqual([
      false,
      true,
    ]);
    scopeQueues.noteCut(scopeQueue.id, 1200);
    scopeQueues.noteCut(scopeQueues.forWaiter(aWaiter({ scope: aScope("other") }), 0).id, 1600);
    expect(scopeQueues.isSilent(scopeQueue.id, 2100)).toBe(false);
  });
});
