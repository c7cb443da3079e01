import { describe, expect, it } from "vitest";
import { Isolation } from "../../../../src/gateway/queue/bisection.js";
import { Place } from "../../../../src/gateway/queue/queue-entry.js";
import type { Lane } from "../../../../src/gateway/queue/scope-queue.js";
import { Lanes } from "../../../../src/gateway/queue/scope-queues.js";
import { aScope, aWaiter, names, SCOPE } from "../../../support/fake-command.js";
import { ROOM } from "../../../support/fake-upstream.js";

function wait(lanes: Lanes, lane: Lane, deviceNames: readonly string[]): void {
  const place = new Place(aWaiter({ deviceNames }), lane, 0);
  lanes.resize(lane, () => {
    for (const name of deviceNames) lane.own(place, name);
  });
}

describe("Lanes", () => {
  it("has one lane for all that share a scope, as long as anybody waits there", () => {
    const lanes = new Lanes(ROOM);
    const [a, b] = ["a", "b"].map((caller) => aWaiter({ caller }));
    if (!a || !b) throw new Error("no waiters");
    const lane = lanes.laneOf(a, 0);
    wait(lanes, lane, names(3));
    expect(lanes.laneOf(b, 0)).toBe(lane);
    expect(lanes.laneOf(aWaiter({ scope: aScope("other") }), 0)).not.toBe(lane);
    expect(lanes.sharedLane(SCOPE)).toBe(lane);
    lanes.resize(lane, () => lane.fill(new Place(a, lane, 0), { room: ROOM, weightOf: () => 1, mayBoard: () => true }));
    lanes.resize(lane, () => {});
    expect(lanes.calls).toBe(1);
  });

  it("lets who has to ride alone have a lane of its own, and share again afterwards", () => {
    const lanes = new Lanes(ROOM);
    const culprit = aWaiter({ caller: "culprit" });
    lanes.setAlone(SCOPE, "culprit", 60_000, 0);
    const own = lanes.laneOf(culprit, 59_999);
    expect(own.scope).toEqual(SCOPE);
    expect(own).not.toBe(lanes.laneOf(aWaiter({ caller: "other" }), 59_999));
    expect(lanes.laneOf(aWaiter({ caller: "culprit", scope: aScope("other") }), 0).key).not.toContain("culprit");
    expect(lanes.laneOf(culprit, 60_000)).toBe(lanes.laneOf(aWaiter({ caller: "other" }), 60_000));
  });

  it("lets each ride alone for its own time, whoever else has to meanwhile", () => {
    const lanes = new Lanes(ROOM);
    const [early, late, other] = ["early", "late", "other"].map((caller) => aWaiter({ caller }));
    if (!early || !late || !other) throw new Error("no waiters");
    lanes.setAlone(SCOPE, "early", 60_000, 0);
    lanes.setAlone(SCOPE, "late", 90_000, 30_000);
    expect(new Set([early, late, other].map((waiter) => lanes.laneOf(waiter, 59_999))).size).toBe(3);
    expect(lanes.laneOf(early, 60_000)).toBe(lanes.laneOf(other, 60_000));
    expect(lanes.laneOf(late, 89_999)).not.toBe(lanes.laneOf(other, 89_999));
  });

  it("never lets anybody join devices that are being told apart", () => {
    const lanes = new Lanes(ROOM);
    const isolation = new Isolation();
    const [one, two] = [lanes.laneApart(SCOPE, isolation), lanes.laneApart(SCOPE, isolation)];
    const keys = [one, two, lanes.laneOf(aWaiter(), 0)].map(({ key }) => key);
    expect(new Set(keys).size).toBe(3);
    expect(lanes.again(one)).toMatchObject({ key: one.key, isolation });
    expect(lanes.again(one)).toBe(lanes.again(one));
  });

  it("has no lane apart before anybody waits there (was: one for ever, if its callers had left)", () => {
    const lanes = new Lanes(ROOM);
    const apart = lanes.laneApart(SCOPE, new Isolation());
    expect([...lanes]).toEqual([]);
    const lane = lanes.again(apart);
    wait(lanes, lane, names(1));
    expect([...lanes]).toEqual([lane]);
  });

  it("counts the calls that it takes, and forgets lanes where nobody waits", () => {
    const lanes = new Lanes(ROOM);
    const lane = lanes.laneOf(aWaiter(), 0);
    wait(lanes, lane, names(201));
    expect([lanes.calls, [...lanes].length]).toEqual([2, 1]);
    const place = new Place(aWaiter({ deviceNames: names(10) }), lane, 0);
    lanes.resize(lane, () => {
      for (const name of names(10)) lane.own(place, name);
    });
    expect(lanes.calls).toBe(2);
    lanes.resize(lane, () => lane.disown(place));
    expect(lanes.calls).toBe(2);
    expect([...lanes]).toEqual([lane]);
  });

  it("takes a lane for silent that has sent nothing for a second, and a new one", () => {
    const lanes = new Lanes(ROOM);
    const lane = lanes.laneOf(aWaiter(), 0);
    expect(lanes.isSilent(lane, 0)).toBe(true);
    lanes.noteCut(lane, 500);
    expect([lanes.isSilent(lane, 1499), lanes.isSilent(lane, 1500)]).toEqual([false, true]);
    lanes.noteCut(lane, 1200);
    lanes.noteCut(lanes.laneOf(aWaiter({ scope: aScope("other") }), 0), 1600);
    expect(lanes.isSilent(lane, 2100)).toBe(false);
  });
});
