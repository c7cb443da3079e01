import { describe, expect, it } from "vitest";
import { Bisection } from "../../../../src/gateway/queue/bisection.js";
import type { CutLimits } from "../../../../src/gateway/queue/queue.js";
import { type Batch, Queue } from "../../../../src/gateway/queue/queue.js";
import type { Room } from "../../../../src/gateway/upstream.js";
import type { Waiter } from "../../../../src/gateway/waiter.js";
import { EQUAL } from "../../../support/fake-callers.js";
import { aScope, aWaiter, names, SCOPE } from "../../../support/fake-command.js";
import { ROOM } from "../../../support/fake-upstream.js";

const LIMITS: CutLimits = { nowMs: 0, answerMs: 50, newcomersOnly: false };

function queueOf(waiters: readonly Waiter[], room: Partial<Room> = {}): Queue {
  const queue = new Queue({ ...ROOM, ...room }, EQUAL);
  for (const waiter of waiters) queue.add(waiter);
  return queue;
}

function cut(queue: Queue, limits: Partial<CutLimits> = {}): Batch {
  const batch = queue.cut({ ...LIMITS, ...limits });
  if (!batch) throw new Error("no batch was cut");
  return batch;
}

function namesOf({ devices }: Batch): string[] {
  return devices.map(({ name }) => name);
}

/** Cuts until nobody is left. */
function cutAll(queue: Queue): string[][] {
  const batches: string[][] = [];
  while (queue.backlog.devices > 0) batches.push(namesOf(cut(queue)));
  return batches;
}

describe("Queue.cut", () => {
  it("takes into a call everybody who waits in the same scope", () => {
    const waiters = ["a", "b", "c"].map((caller) => aWaiter({ caller, deviceNames: [`${caller}-1`, `${caller}-2`] }));
    const batch = cut(queueOf(waiters));
    expect(namesOf(batch).toSorted()).toEqual(["a-1", "a-2", "b-1", "b-2", "c-1", "c-2"]);
    expect(batch.scopeQueue.scope).toEqual(SCOPE);
    expect(new Set(batch.devices.flatMap(({ owners }) => owners.map(({ waiter }) => waiter)))).toEqual(
      new Set(waiters),
    );
  });

  it.each([
    ["iotInstanceId", { ...SCOPE, iotInstanceId: "other" }],
    ["productKey", { ...SCOPE, productKey: "other" }],
    ["firmwareId", { ...SCOPE, firmwareId: "other" }],
    ["jobId", { ...SCOPE, jobId: "job" }],
  ])("never puts two scopes into one call: %s differs", (_, scope) => {
    const queue = queueOf([aWaiter({ deviceNames: ["one"] }), aWaiter({ scope, deviceNames: ["two"] })]);
    expect(queue.backlog.calls).toBe(2);
    expect(cutAll(queue)).toEqual([["one"], ["two"]]);
  });

  it("cuts a large request to full calls", () => {
    const queue = queueOf([aWaiter({ deviceNames: names(450) })]);
    expect(cutAll(queue)).toEqual([names(200), names(200, 200), names(50, 400)]);
  });

  it("fills the rest of a call with the devices of others, also with a part of a large request", () => {
    const [small, large] = [names(30, 0, "a-"), names(500, 0, "b-")];
    const queue = queueOf([aWaiter({ caller: "a", deviceNames: small }), aWaiter({ caller: "b", deviceNames: large })]);
    expect(namesOf(cut(queue)).toSorted()).toEqual([...small, ...large.slice(0, 170)].toSorted());
    expect(queue.backlog.devices).toBe(330);
    expect(namesOf(cut(queue))).toEqual(large.slice(170, 370));
  });

  it("stops at the bytes that fit beside those of the scope", () => {
    const room = { bytes: 20, bytesOfScope: () => 5, bytesOfDevice: () => 4 };
    const queue = queueOf([aWaiter({ deviceNames: names(7) })], room);
    expect(cutAll(queue).map((batch) => batch.length)).toEqual([3, 3, 1]);
  });

  it("sends a device that fits into no call alone, so that nobody waits for ever", () => {
    const queue = queueOf([aWaiter({ deviceNames: ["one", "two"] })], { bytes: 1 });
    expect(cutAll(queue)).toEqual([["one"], ["two"]]);
  });

  it("sends a device that two callers asked for once, and for both", () => {
    const [a, b] = [
      aWaiter({ caller: "a", deviceNames: ["x", "y"] }),
      aWaiter({ caller: "b", deviceNames: ["z", "y"] }),
    ];
    const queue = queueOf([a, b]);
    expect(queue.backlog.devices).toBe(4);
    const batch = cut(queue);
    expect(namesOf(batch).toSorted()).toEqual(["x", "y", "z"]);
    expect(batch.devices.find(({ name }) => name === "y")?.owners).toEqual([
      { waiter: a, index: 1 },
      { waiter: b, index: 1 },
    ]);
    expect(queue.backlog.devices).toBe(0);
  });

  it("knows the position of a shared device deep in another caller's big request", () => {
    const big = aWaiter({ caller: "big", deviceNames: names(5000) });
    const small = aWaiter({ caller: "small", deviceNames: ["dev-4321"] });
    const queue = new Queue(ROOM, EQUAL);
    queue.add(small);
    queue.add(big);
    const batch = cut(queue);
    expect(batch.devices[0]).toEqual({
      name: "dev-4321",
      owners: [
        { waiter: small, index: 0 },
        { waiter: big, index: 4321 },
      ],
    });
    expect(cutAll(queue).flat()).toHaveLength(5000 - 200);
  });

  it("does not send a returned device again that somebody else's call has taken along meanwhile", () => {
    const queue = queueOf([aWaiter({ caller: "a", deviceNames: ["x", "y", "z"] })], { devices: 1 });
    const inCall = [cut(queue), cut(queue)];
    for (const batch of inCall) queue.putBack(batch, 0, "spent");
    queue.add(aWaiter({ caller: "b", deviceNames: ["y"] }));
    expect(cutAll(queue)).toEqual([["y"], ["x"], ["z"]]);
  });

  it("lets a device that came back be shared with whoever asked for it since", () => {
    const [a, b] = [aWaiter({ caller: "a", deviceNames: ["x", "y"] }), aWaiter({ caller: "b", deviceNames: ["y"] })];
    const queue = queueOf([a]);
    const before = cut(queue);
    queue.add(b);
    queue.putBack(before, 0, "kept");
    expect(queue.backlog.devices).toBe(3);
    const batch = cut(queue);
    expect(new Set(namesOf(batch))).toEqual(new Set(["x", "y"]));
    expect(new Set(batch.devices.find(({ name }) => name === "y")?.owners)).toEqual(
      new Set([
        { waiter: a, index: 1 },
        { waiter: b, index: 0 },
      ]),
    );
  });

  it("does not take into a call who has less time left than an answer takes", () => {
    const late = aWaiter({ caller: "a", deviceNames: ["late"], answerByMs: 1050 });
    const early = aWaiter({ caller: "b", deviceNames: ["early"], answerByMs: 1051 });
    const queue = queueOf([late, early]);
    expect(namesOf(cut(queue, { nowMs: 1000 }))).toEqual(["early"]);
    expect(queue.cut({ ...LIMITS, nowMs: 1000 })).toBeUndefined();
    expect(queue.backlog.devices).toBe(1);
  });

  it("takes only newcomers with a token that was granted ahead of pacing", () => {
    const [old, fresh] = [aScope("old"), aScope("new")];
    const queue = queueOf([aWaiter({ scope: old, deviceNames: names(300) })]);
    cut(queue);
    expect(queue.hasNewcomer({ nowMs: 999, answerMs: 50 })).toBe(false);
    expect(queue.cut({ ...LIMITS, nowMs: 999, newcomersOnly: true })).toBeUndefined();
    const waiter = aWaiter({ scope: fresh, deviceNames: ["new"] });
    queue.add(waiter);
    expect(queue.isNewcomer(waiter, 999)).toBe(true);
    expect(queue.hasNewcomer({ nowMs: 999, answerMs: 50 })).toBe(true);
    expect(namesOf(cut(queue, { nowMs: 999, newcomersOnly: true }))).toEqual(["new"]);
    expect(queue.isNewcomer(waiter, 999)).toBe(false);
    // A scope that has sent nothing for a second is a newcomer again.
    expect(cut(queue, { nowMs: 1000, newcomersOnly: true }).scopeQueue.scope).toEqual(old);
  });

  it("does not see a newcomer in one who has too little time", () => {
    const queue = queueOf([aWaiter({ answerByMs: 40 })]);
    expect(queue.hasNewcomer({ nowMs: 0, answerMs: 50 })).toBe(false);
    expect(queue.hasNewcomer({ nowMs: 0, answerMs: 30 })).toBe(true);
  });
});

describe("Queue's turns", () => {
  const scopeOf = (batch: Batch) => batch.scopeQueue.scope.productKey;

  it("go round over callers, however much one of them waits for", () => {
    const queue = queueOf([
      aWaiter({ caller: "a", scope: aScope("a1"), deviceNames: names(600) }),
      aWaiter({ caller: "a", scope: aScope("a2") }),
      aWaiter({ caller: "b", scope: aScope("b") }),
      aWaiter({ caller: "c", scope: aScope("c"), deviceNames: names(400) }),
    ]);
    const turns: string[] = [];
    while (queue.backlog.devices > 0) turns.push(scopeOf(cut(queue)));
    expect(turns).toEqual(["a1", "b", "c", "a1", "c", "a1", "a2"]);
  });

  it("begin with what came back to the caller, before what was never sent", () => {
    const first = aWaiter({ scope: aScope("first") });
    const queue = queueOf([first, aWaiter({ scope: aScope("second") }), aWaiter({ scope: aScope("third") })]);
    const before = cut(queue);
    expect(scopeOf(cut(queue))).toBe("second");
    queue.putBack(before, 0, "spent");
    expect(scopeOf(cut(queue))).toBe("first");
    expect(scopeOf(cut(queue))).toBe("third");
  });

  it("send what came back of a large request before the rest of it", () => {
    const queue = queueOf([aWaiter({ deviceNames: names(500) })]);
    const before = cut(queue);
    queue.putBack(before, 0, "kept");
    expect(cutAll(queue)).toEqual([names(200), names(200, 200), names(100, 400)]);
  });

  it("fill a call first with what came back, then with what was never sent", () => {
    const queue = queueOf([aWaiter({ caller: "a", deviceNames: ["a1", "a2"] })], { devices: 2 });
    const before = cut(queue);
    queue.add(aWaiter({ caller: "a", deviceNames: ["a3", "a4"] }));
    queue.putBack(before, 0, "spent");
    expect(cutAll(queue)).toEqual([
      ["a1", "a2"],
      ["a3", "a4"],
    ]);
  });

  it("are kept or lost by who was in a call that settled nothing, as told", () => {
    for (const [turn, order] of [
      ["kept", ["a", "b", "c"]],
      ["spent", ["b", "c", "a"]],
    ] as const) {
      const queue = queueOf(["a", "b", "c"].map((caller) => aWaiter({ caller, scope: aScope(caller) })));
      queue.putBack(cut(queue), 0, turn);
      expect([cut(queue), cut(queue), cut(queue)].map(scopeOf)).toEqual(order);
    }
  });
});

describe("Queue.leave", () => {
  it("takes everything back that has not been sent", () => {
    const [a, b] = [
      aWaiter({ caller: "a", deviceNames: names(300) }),
      aWaiter({ caller: "b", deviceNames: ["dev-250"] }),
    ];
    const queue = queueOf([a]);
    cut(queue);
    queue.add(b);
    queue.leave(a);
    expect(queue.backlog.devices).toBe(1);
    expect(queue.backlog.calls).toBe(1);
    expect(namesOf(cut(queue))).toEqual(["dev-250"]);
    expect(queue.backlog.devicesByCaller.size).toBe(0);
  });

  it("takes back what came back from a call, too", () => {
    const a = aWaiter({ deviceNames: names(300) });
    const queue = queueOf([a]);
    queue.putBack(cut(queue), 0, "kept");
    queue.leave(a);
    expect([queue.backlog.devices, queue.backlog.calls]).toEqual([0, 0]);
    expect(queue.cut(LIMITS)).toBeUndefined();
  });

  it("is nothing for a waiter that does not wait", () => {
    const queue = queueOf([aWaiter()]);
    queue.leave(aWaiter());
    expect(queue.backlog.devices).toBe(1);
  });
});

describe("Queue.putBack", () => {
  it("leaves out who has been answered meanwhile", () => {
    const [a, b] = [aWaiter({ caller: "a" }), aWaiter({ caller: "b" })];
    const queue = queueOf([a, b]);
    const before = cut(queue);
    a.conclude({ kind: "aborted", message: "left" });
    queue.putBack(before, 0, "kept");
    expect([...queue.backlog.devicesByCaller]).toEqual([["b", 1]]);
    expect(cut(queue).devices[0]?.owners).toEqual([{ waiter: b, index: 0 }]);
  });
});

describe("Queue.separate", () => {
  it("keeps nothing of a refused call whose callers have left (was: two empty scope queues for ever)", () => {
    const waiter = aWaiter({ deviceNames: names(8) });
    const queue = queueOf([waiter]);
    const refused = cut(queue);
    waiter.conclude({ kind: "aborted", message: "left" });
    queue.separate(refused, new Bisection());
    let looks = 0;
    const limits = {
      answerMs: 50,
      get nowMs() {
        looks++; // for each scope queue that is looked at
        return 0;
      },
    };
    expect(queue.hasNewcomer(limits)).toBe(false);
    expect(looks).toBe(0);
    expect([queue.backlog.devices, queue.backlog.calls]).toEqual([0, 0]);
  });
});

describe("Queue's counters", () => {
  it("count a shared device once for each waiter, and once for the calls", () => {
    const queue = queueOf(["a", "b"].map((caller) => aWaiter({ caller, deviceNames: names(200) })));
    expect(queue.backlog.devices).toBe(400);
    expect(queue.backlog.calls).toBe(1);
    expect(new Map(queue.backlog.devicesByCaller)).toEqual(
      new Map([
        ["a", 200],
        ["b", 200],
      ]),
    );
    expect(new Map(queue.backlog.callersByCalls("normal"))).toEqual(new Map([[1, 2]]));
  });

  it("count calls by scope", () => {
    const queue = queueOf([aWaiter({ deviceNames: names(201) }), aWaiter({ scope: aScope("other") })]);
    expect(queue.backlog.calls).toBe(3);
    expect(new Map(queue.backlog.callersByCalls("normal"))).toEqual(new Map([[2, 1]]));
  });
});
