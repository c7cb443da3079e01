import { describe, expect, it } from "vitest";
import { EXPIRED, type RunEnding, STOPPED } from "../../../src/operations/run-ending.js";
import { type Leased, LeaseLost, type OperationRecord, StoreUnavailable } from "../../../src/operations/store.js";
import { type LeasedRun, Tenure } from "../../../src/operations/tenure.js";
import { HandClock } from "../../support/hand-clock.js";

const LEASE_MS = 15_000;

function begin({ timeToLiveMs = 3_600_000, steps = [] as (() => Promise<void> | void)[] } = {}) {
  const clock = new HandClock();
  const expireMs = clock.wallNow() + timeToLiveMs;
  const leasedIn = (state: OperationRecord["state"]): Leased => ({
    lease: { id: "1", epoch: 1 },
    record: { id: "1", state, expireMs } as OperationRecord,
    nowMs: clock.wallNow(),
    untilMs: clock.wallNow() + LEASE_MS,
  });
  const said: unknown[] = [];
  const errors: unknown[] = [];
  const ended: OperationRecord[] = [];
  let taken = 0;
  let isOver = false;
  const tenure = new Tenure({
    ...{ clock, leased: leasedIn("running"), askedMs: clock.now(), span: undefined },
    failed: (error) => void errors.push(error),
    ended: (record) => void ended.push(record),
    runOf: (its): LeasedRun => ({
      step: async () => {
        if (its.isLeaving) return its.close();
        const step = steps[taken++];
        await (step ? step() : its.wait());
      },
      ending: (ending: RunEnding) => void said.push(ending),
      leaving: () => void said.push("leaving"),
      lapsed: () => void said.push("lapsed"),
      stopped: () => void said.push("stopped"),
    }),
  });
  void tenure.run().then(() => {
    isOver = true;
  });
  const renew = (state: OperationRecord["state"] = "running") => tenure.renewed(leasedIn(state), clock.now());
  return { clock, tenure, said, errors, ended, renew, steps: () => taken, isOver: () => isOver };
}

describe("Tenure", () => {
  it("takes the next step when something has happened", async () => {
    const { clock, tenure, steps } = begin();
    await clock.advance(1000);
    expect(steps()).toBe(1);
    tenure.wake();
    await clock.advance(0);
    expect(steps()).toBe(2);
  });

  it("lets nothing be sent from five seconds before the end of its lease, until it is renewed", async () => {
    const { clock, tenure, said, renew } = begin();
    await clock.advance(LEASE_MS - 5000 - 1);
    expect([tenure.maySend, said]).toEqual([true, []]);
    await clock.advance(1);
    expect([tenure.maySend, said]).toEqual([false, ["lapsed"]]);
    renew();
    expect(tenure.maySend).toBe(true);
  });

  it("ends by the first end that is decided, and sends nothing from then on", async () => {
    const { clock, tenure, said, renew } = begin({ timeToLiveMs: 3000 });
    await clock.advance(3000);
    renew("stopping");
    expect([tenure.ending, tenure.maySend]).toEqual([EXPIRED, false]);
    expect(said).toEqual([EXPIRED, "stopped"]);
  });

  it("stops when its record says so, whoever was asked to", () => {
    const { tenure, said, renew } = begin();
    renew("stopping");
    expect([tenure.ending, said]).toEqual([STOPPED, [STOPPED, "stopped"]]);
  });

  it("waits longer and longer after errors, and goes on", async () => {
    const fail = () => Promise.reject(new StoreUnavailable("away"));
    const { clock, errors, steps } = begin({ steps: [fail, fail, fail] });
    await clock.advance(250 + 500 + 1000 - 1);
    expect([errors.length, steps()]).toEqual([3, 3]);
    await clock.advance(1);
    expect(steps()).toBe(4);
  });

  it("is given up when another holder has the lease, and decides no end any more", async () => {
    const lose = () => Promise.reject(new LeaseLost("taken"));
    const { clock, tenure, said, errors, isOver } = begin({ steps: [lose] });
    await clock.advance(0);
    tenure.endBy(STOPPED);
    expect([tenure.isLost, tenure.ending, said, errors]).toEqual([true, undefined, ["leaving"], []]);
    expect([isOver(), clock.armed]).toEqual([true, 0]);
  });

  it("repeats the write of its end until it is answered, also when it is lost or left, and reports it once", async () => {
    const { clock, tenure, errors, ended, isOver } = begin();
    const record = { id: "1", state: "done" } as OperationRecord;
    const answers = [() => Promise.reject(new StoreUnavailable("no answer", { isUnknown: true })), async () => record];
    const store = async () => (answers.shift() as () => Promise<OperationRecord>)();
    await expect(tenure.end(store)).rejects.toThrow("no answer");
    tenure.lose();
    await clock.advance(0);
    expect([ended, errors, isOver()]).toEqual([[record], [], true]);
  });

  it("reports no end if another holder has the lease, and is given up", async () => {
    const { clock, tenure, ended, isOver } = begin();
    await expect(tenure.end(() => Promise.reject(new LeaseLost("taken")))).rejects.toThrow("taken");
    tenure.wake();
    await clock.advance(0);
    expect([tenure.isLost, ended, isOver()]).toEqual([true, [], true]);
  });

  it("sends nothing while it pauses", async () => {
    const { clock, tenure, steps } = begin();
    tenure.pause(4000);
    await clock.advance(3999);
    expect([tenure.maySend, tenure.isPaused, steps()]).toEqual([false, true, 1]);
    await clock.advance(1);
    expect([tenure.maySend, steps()]).toEqual([true, 2]);
  });
});
