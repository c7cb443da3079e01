import { describe, expect, it } from "vitest";
import { Queue } from "../../../../src/gateway/queue/queue.js";
import { EQUAL } from "../../../support/fake-callers.js";
import { aScope, aWaiter, names, SCOPE } from "../../../support/fake-command.js";
import { ROOM } from "../../../support/fake-upstream.js";

const LIMITS = { nowMs: 0, answerMs: 0 };
const ALL = { ...LIMITS, newcomersOnly: false };
const MINUTE = 60_000;

function namesOf(batch: ReturnType<Queue["cut"]>): string[] {
  return batch?.devices.map(({ name }) => name) ?? [];
}

describe("Queue", () => {
  it("moves what a caller waits for to where it is read, and its new devices too, in this scope only", () => {
    const queue = new Queue(ROOM, EQUAL);
    queue.add(aWaiter({ deviceNames: names(3) }));
    queue.readAhead(SCOPE, "caller", MINUTE, 0);
    queue.add(aWaiter({ deviceNames: names(2, 3) }));
    queue.add(aWaiter({ deviceNames: ["other"], caller: "other" }));
    queue.add(aWaiter({ deviceNames: ["elsewhere"], scope: aScope("elsewhere") }));
    expect([queue.unreadIn(SCOPE), queue.highestUnread, queue.backlog.devices]).toEqual([5, "normal", 7]);
    expect([...namesOf(queue.cut(ALL)), ...namesOf(queue.cut(ALL))].sort()).toEqual(["elsewhere", "other"]);
    expect(queue.cut(ALL)).toBeUndefined();
    expect(queue.hasNewcomer(LIMITS)).toBe(false);
    expect(namesOf(queue.cutUnread(LIMITS, { ...ROOM, devices: 4 }))).toEqual(names(4));
    expect([queue.unreadIn(SCOPE), queue.backlog.devices]).toEqual([1, 1]);
  });

  it("sends what was read before what is still unread, and all of it when nothing is read any more", () => {
    const queue = new Queue(ROOM, EQUAL);
    queue.readAhead(SCOPE, "caller", MINUTE, 0);
    const waiter = aWaiter({ deviceNames: names(6) });
    queue.add(waiter);
    const read = queue.cutUnread(LIMITS, { ...ROOM, devices: 2 });
    if (read) queue.putBack(read, 0, "spent");
    expect(namesOf(queue.cut(ALL))).toEqual(names(2));
    queue.endReadAhead(0);
    expect(namesOf(queue.cut(ALL))).toEqual(names(4, 2));
    expect([queue.highest, queue.highestUnread, queue.backlog.devices]).toEqual([undefined, undefined, 0]);
  });

  it("reads an urgent device first", () => {
    const queue = new Queue(ROOM, EQUAL);
    queue.readAhead(SCOPE, "caller", MINUTE, 0);
    queue.add(aWaiter({ deviceNames: names(500) }));
    queue.add(aWaiter({ deviceNames: ["urgent"], priority: "urgent" }));
    expect(namesOf(queue.cutUnread(LIMITS, { ...ROOM, devices: 50 }))[0]).toBe("urgent");
  });

  it("withdraws all that waits in a scope, wherever, with its positions, and nothing else", () => {
    const queue = new Queue(ROOM, EQUAL);
    const [shared, alone, elsewhere] = [
      aWaiter({ deviceNames: names(3), caller: "a" }),
      aWaiter({ deviceNames: names(2, 3), caller: "b" }),
      aWaiter({ deviceNames: ["elsewhere"], scope: aScope("elsewhere") }),
    ];
    for (const waiter of [shared, alone, elsewhere]) queue.add(waiter);
    queue.demote(SCOPE, "b", MINUTE, 0);
    queue.readAhead(SCOPE, "c", MINUTE, 0);
    const unread = aWaiter({ deviceNames: names(2, 5), caller: "c" });
    queue.add(unread);
    const withdrawn = new Map(queue.withdraw(SCOPE).map(({ waiter, indexes }) => [waiter, indexes]));
    expect(withdrawn).toEqual(
      new Map([
        [shared, [0, 1, 2]],
        [alone, [0, 1]],
        [unread, [0, 1]],
      ]),
    );
    expect(queue.backlog.devices).toBe(1);
    expect(namesOf(queue.cut(ALL))).toEqual(["elsewhere"]);
  });
});
