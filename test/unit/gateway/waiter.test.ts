import { describe, expect, it } from "vitest";
import type { DeviceOutcome } from "../../../src/gateway/device-outcome.js";
import type { Failure } from "../../../src/gateway/failures.js";
import type { Answer, CallRecord, Waiter } from "../../../src/gateway/waiter.js";
import { aWaiter, names } from "../../support/fake-command.js";
import { settle } from "../../support/hand-clock.js";

const EXPIRED: Failure = { kind: "expired", message: "too late" };
const ACCEPTED: DeviceOutcome = { kind: "accepted" };
const LOST: DeviceOutcome = {
  kind: "unknown",
  failure: { kind: "unknown", reason: "OUTCOME_UNKNOWN", message: "lost" },
};
const UNWRITTEN: DeviceOutcome = { kind: "not-attempted", failure: { kind: "unavailable", message: "no connection" } };
const THROTTLED: DeviceOutcome = { kind: "not-attempted", failure: { kind: "throttled", message: "refused for rate" } };

function record(): CallRecord {
  return { sentWallMs: 0, deviceCount: 0, attempts: 0, success: false, requestId: "", code: "", message: "" };
}

/** The answers that the waiter has given so far. */
async function answers(waiter: Waiter): Promise<Answer[]> {
  const given: Answer[] = [];
  void waiter.answer.then((answer) => given.push(answer));
  await settle();
  return given;
}

describe("Waiter", () => {
  it("answers when the last device has its outcome, in the order of the request", async () => {
    const waiter = aWaiter({ deviceNames: names(3) });
    waiter.noteSent([2, 0], record(), 10);
    waiter.settle(2, ACCEPTED);
    waiter.settle(0, LOST);
    expect(await answers(waiter)).toEqual([]);
    waiter.noteSent([1], record(), 30);
    waiter.settle(1, ACCEPTED);
    const [answer] = await answers(waiter);
    expect(answer?.outcomes).toEqual([LOST, ACCEPTED, ACCEPTED]);
    expect([...(answer?.callIndexes ?? [])]).toEqual([0, 1, 0]);
    expect(answer?.calls.map(({ deviceCount }) => deviceCount)).toEqual([2, 1]);
    expect(answer?.quotaWaitMs).toBe(30);
    expect(waiter.open).toBe(false);
  });

  it("settles once: nothing that comes later changes the answer", async () => {
    const waiter = aWaiter({ deviceNames: names(2) });
    waiter.noteSent([0, 1], record(), 0);
    waiter.settle(0, ACCEPTED);
    waiter.settle(0, LOST);
    waiter.conclude(EXPIRED);
    const [answer] = await answers(waiter);
    const outcomes = [...(answer?.outcomes ?? [])];
    waiter.settle(1, ACCEPTED);
    waiter.putBack(1, UNWRITTEN);
    waiter.conclude({ kind: "aborted", message: "left" });
    expect((await answers(waiter)).map((each) => each.outcomes)).toEqual([outcomes]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(["accepted", "unknown"]);
  });

  it("when withdrawn, settles what is in no call at once, and answers when the calls have ended", async () => {
    const withdrawn: Failure = { kind: "aborted", message: "withdrawn" };
    const waiter = aWaiter({ deviceNames: names(6) });
    waiter.noteSent([0, 1, 2, 3], record(), 10);
    waiter.settle(0, ACCEPTED);
    waiter.putBack(1, LOST);
    waiter.withdraw(withdrawn);
    expect(await answers(waiter)).toEqual([]);
    expect([0, 1, 2, 3, 4, 5].map((index) => waiter.mayBeSent(index))).toEqual([
      false,
      false,
      true,
      true,
      false,
      false,
    ]);
    waiter.putBack(2, THROTTLED); // would be sent again otherwise
    expect(waiter.mayBeSent(2)).toBe(false);
    waiter.settle(3, ACCEPTED);
    const [answer] = await answers(waiter);
    const unsent = { kind: "not-attempted", failure: withdrawn };
    expect(answer?.outcomes).toEqual([ACCEPTED, LOST, THROTTLED, ACCEPTED, unsent, unsent]);
  });

  it("answers at once when it is withdrawn while nothing is in a call", async () => {
    const waiter = aWaiter({ deviceNames: names(2) });
    waiter.withdraw({ kind: "aborted", message: "withdrawn" });
    waiter.withdraw({ kind: "aborted", message: "again" });
    expect((await answers(waiter)).map(({ outcomes }) => outcomes.map(({ kind }) => kind))).toEqual([
      ["not-attempted", "not-attempted"],
    ]);
  });

  it("says of each device what is known when it has to answer early", async () => {
    const waiter = aWaiter({ deviceNames: names(5) });
    waiter.noteSent([0, 1, 2], record(), 0);
    waiter.settle(0, ACCEPTED);
    waiter.putBack(1, THROTTLED);
    waiter.putBack(2, LOST);
    waiter.noteSent([3], record(), 0);
    waiter.conclude(EXPIRED);
    const [answer] = await answers(waiter);
    expect(answer?.outcomes).toEqual([
      ACCEPTED,
      THROTTLED,
      LOST,
      { kind: "unknown", failure: expect.objectContaining({ kind: "unknown", reason: "OUTCOME_UNKNOWN" }) },
      { kind: "not-attempted", failure: EXPIRED },
    ]);
    expect([...(answer?.callIndexes ?? [])]).toEqual([0, 0, 0, 1, -1]);
  });

  it("says of all devices that they were not attempted if none was ever sent", async () => {
    const waiter = aWaiter({ deviceNames: names(2) });
    waiter.conclude(EXPIRED);
    const [answer] = await answers(waiter);
    expect(answer?.outcomes).toEqual(Array(2).fill({ kind: "not-attempted", failure: EXPIRED }));
    expect([...(answer?.callIndexes ?? [])]).toEqual([-1, -1]);
    expect(answer?.calls).toEqual([]);
  });

  it("does not unsay that a device may have been cancelled because a later call was not carried out", async () => {
    for (const later of [UNWRITTEN, THROTTLED]) {
      const waiter = aWaiter();
      waiter.noteSent([0], record(), 0);
      waiter.putBack(0, LOST);
      waiter.noteSent([0], record(), 0);
      waiter.putBack(0, later);
      waiter.conclude(EXPIRED);
      expect((await answers(waiter))[0]?.outcomes).toEqual([LOST]);
    }
    const waiter = aWaiter();
    waiter.noteSent([0], record(), 0);
    waiter.putBack(0, LOST);
    waiter.noteSent([0], record(), 0);
    waiter.settle(0, UNWRITTEN);
    expect((await answers(waiter))[0]?.outcomes).toEqual([LOST]);
  });

  it("lets a later definite answer stand over an earlier doubt", async () => {
    const waiter = aWaiter();
    waiter.noteSent([0], record(), 0);
    waiter.putBack(0, LOST);
    waiter.noteSent([0], record(), 0);
    waiter.settle(0, ACCEPTED);
    expect((await answers(waiter))[0]?.outcomes).toEqual([ACCEPTED]);
  });

  it("counts in how many calls a device has been, and tells each call its largest count", () => {
    const waiter = aWaiter({ deviceNames: names(2) });
    const [first, second] = [record(), record()];
    waiter.noteSent([0], first, 0);
    waiter.putBack(0, LOST);
    waiter.noteSent([0, 1], second, 0);
    expect([waiter.attemptsOf(0), waiter.attemptsOf(1)]).toEqual([2, 1]);
    expect([first.attempts, second.attempts]).toEqual([1, 2]);
  });

  it("counts no device as settled before it is, however its calls end", async () => {
    const waiter = aWaiter({ deviceNames: names(3) });
    waiter.noteSent([0, 1], record(), 0);
    waiter.putBack(0, LOST);
    waiter.settle(1, ACCEPTED);
    expect(waiter.open).toBe(true);
    waiter.noteSent([0, 2], record(), 0);
    waiter.putBack(0, LOST);
    waiter.settle(2, ACCEPTED);
    expect(waiter.open).toBe(true);
    waiter.settle(0, ACCEPTED);
    expect((await answers(waiter))[0]?.outcomes).toEqual([ACCEPTED, ACCEPTED, ACCEPTED]);
    expect(waiter.open).toBe(false);
  });

  it("finds a device's position, right guess or wrong", () => {
    const waiter = aWaiter({ deviceNames: names(100) });
    expect([waiter.indexOf("dev-7", 7), waiter.indexOf("dev-7", 8), waiter.indexOf("nobody", 0)]).toEqual([7, 7, -1]);
  });

  it("keeps the last call of each device, and not each of a hundred thousand (was: an answer that no client receives)", async () => {
    const waiter = aWaiter({ deviceNames: names(3) });
    const send = (indexes: readonly number[], requestId: string) =>
      waiter.noteSent(indexes, { ...record(), requestId }, 0);
    send([2], "first");
    waiter.settle(2, ACCEPTED);
    for (let n = 0; n < 100_000; n++) {
      send([n % 2], `call-${n}`);
      waiter.putBack(n % 2, LOST);
    }
    waiter.conclude(EXPIRED);
    const [answer] = await answers(waiter);
    const { calls = [], callIndexes = [] } = answer ?? {};
    expect(calls.length).toBeLessThanOrEqual(1000);
    expect([0, 1, 2].map((index) => calls[callIndexes[index] as number]?.requestId)).toEqual([
      "call-99998",
      "call-99999",
      "first",
    ]);
    const sent = calls.slice(1).map(({ requestId }) => Number(requestId.slice("call-".length)));
    expect(sent).toEqual(sent.toSorted((a, b) => a - b));
  });
});
