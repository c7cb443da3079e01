// How fast a stop is, in the time of the world that it is played in, and the ends that it may have.
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../src/emulator/random.js";
import { createRollout, jobReadings, type RolloutSpec } from "../../../src/emulator/rollout-control.js";
import { etagOf } from "../../../src/rollout/etag.js";
import { type JobAnswer, OPEN_STATES } from "../../../src/rollout/job-operator.js";
import type { StopCall, StopOrder } from "../../../src/rollout/stop-call.js";
import { StopMachine } from "../../../src/rollout/stop-machine.js";
import { RolloutWorld, type WorldOptions } from "../../support/rollout-world.js";

const NO_FAULTS = { lost: 0, unavailable: 0, unreadable: 0 };
/** As documented. */
const QUOTAS = {
  ...{ ListOTAJobByFirmware: 10, QueryOTAJob: 10, ListOTATaskByJob: 10 },
  ...{ CancelOTAStrategyByJob: 10, CancelOTATaskByJob: 5, CancelOTATaskByDevice: 10 },
};
const HOUR_MS = 3_600_000;

const ORDER: StopOrder = {
  ...{ productKey: "a1EmulatorPk", firmwareId: "EmulatedFirmware0000030100", jobId: "", etag: "" },
  ...{ states: OPEN_STATES, keepStrategies: false, includeNewJobs: false },
  ...{ settleMs: 120_000, callTimeoutMs: 10_000 },
};

function start(
  rollouts: readonly RolloutSpec[],
  options: WorldOptions["options"] = {},
  more: Partial<WorldOptions> = {},
) {
  const random = seededRandom(3);
  const world = new RolloutWorld({ random, faults: NO_FAULTS, crashesAfter: [], options, quotas: QUOTAS, ...more });
  const { platform, settings } = world.service;
  const jobs = rollouts.map((spec) => createRollout(platform, spec, settings));
  const stop = (order: Partial<StopOrder> = {}) => {
    const conclusion = world.stop({ ...ORDER, ...order }, HOUR_MS);
    if (conclusion.kind !== "report") throw new Error(conclusion.message);
    return conclusion;
  };
  return { world, jobs, stop, rollouts: () => jobReadings(platform) };
}

describe("StopMachine", () => {
  it("stops every kind of batch within 15 s, by calls that are applied 1.5 s late", () => {
    const { world, stop, rollouts } = start(
      [
        { devices: 5000, states: { CONFIRM: 10, NOTIFIED: 500, IN_PROGRESS: 100 } },
        { kind: "dynamic", devices: 50, joinsPerSecond: 5 },
        { devices: 300, startsInMs: HOUR_MS },
        { kind: "verify", devices: 10 },
        { productKey: "a1Other", firmwareId: "OtherFirmware", devices: 20 },
      ],
      { byJobDelayMs: 1500, verifyJob: "reject", simulate: true },
    );
    const { stopped, batches } = stop();
    expect(stopped).toBe(true);
    expect(world.nowMs).toBeLessThan(15_000);
    expect(batches.map(({ left }) => left)).toEqual([0, 0, 0, 0]);
    const whole = batches.find(({ before }) => before.counts.CONFIRM === 10);
    expect(whole?.before.counts).toMatchObject({ IN_PROGRESS: 100 });
    expect(rollouts().at(-1)?.tasks.CANCELED).toBe(0);
  });

  it("cancels forty batches by one call each, though counting them takes longer than a repetition", () => {
    const { world, stop } = start(Array(40).fill({ devices: 2500 }), { byJobDelayMs: 1500 });
    const { stopped, batches } = stop();
    expect(stopped).toBe(true);
    expect(batches.map(({ callsMade }) => callsMade)).toEqual(Array(40).fill(1));
    expect(world.nowMs).toBeLessThan(90_000);
  });

  it("makes the first changing call within 6 s, however many batches there are", () => {
    const { world, stop } = start(Array.from({ length: 40 }, () => ({ devices: 3 })));
    expect(stop().stopped).toBe(true);
    expect(world.seen[0]?.atMs).toBeLessThan(6000);
  });

  it("sweeps a batch that refuses to be canceled as a whole, at the rate that reading allows", () => {
    const { world, stop } = start([{ kind: "verify", devices: 5000 }]);
    const { stopped, batches } = stop();
    expect([stopped, batches[0]?.swept, batches[0]?.calls]).toEqual([true, 5000, []]);
    const sweeps = world.seen.filter(({ call }) => call.operation === "CancelOTATaskByDevice");
    const tookMs = (sweeps.at(-1)?.atMs ?? 0) - (sweeps[0]?.atMs ?? 0);
    expect(5000 / (tookMs / 1000)).toBeGreaterThan(800);
  });

  it("sends nothing if the rollout has a batch that it did not have", () => {
    const { world } = start([{ devices: 3 }]);
    const conclusion = world.stop({ ...ORDER, etag: "stale" }, HOUR_MS);
    expect(conclusion).toMatchObject({ kind: "unplanned", reason: "changed" });
    expect(world.seen).toEqual([]);
  });

  it("sends nothing if the rollout had no open batch when it was read, and has one now", () => {
    const { world } = start([{ devices: 3 }]);
    const conclusion = world.stop({ ...ORDER, etag: etagOf([]) }, HOUR_MS);
    expect(conclusion).toMatchObject({ kind: "unplanned", reason: "changed" });
    expect(world.seen).toEqual([]);
  });

  it("touches no batch of another product, also if it is asked for by name", () => {
    const { world, jobs } = start([{ productKey: "a1Other", firmwareId: "OtherFirmware", devices: 3 }]);
    const conclusion = world.stop({ ...ORDER, jobId: jobs[0]?.jobId ?? "" }, HOUR_MS);
    expect(conclusion).toMatchObject({ kind: "unplanned", reason: "foreign" });
    expect(world.seen).toEqual([]);
  });

  it.each([0, 100])("makes the calls that each batch needs, though it may settle for only %i ms", (settleMs) => {
    const { stop, rollouts } = start(
      [{ kind: "dynamic", devices: 3 }, { devices: 3 }, { kind: "verify", devices: 250 }],
      { verifyJob: "reject" },
    );
    const { batches } = stop({ settleMs });
    expect(
      rollouts()
        .slice(-3)
        .map(({ tasks }) => tasks.CANCELED),
    ).toEqual([3, 3, 250]);
    expect(batches.map(({ left }) => left)).toEqual([0, 0, 0]);
  });

  it("never says of a batch that stays planned that it is stopped", () => {
    const { stop } = start([{ devices: 3, startsInMs: HOUR_MS }], { emptiedJob: "unchanged" });
    const { stopped, batches } = stop();
    expect([stopped, batches[0]?.left, batches[0]?.after.status]).toEqual([false, 0, "PLANNED"]);
  });

  it("claims nothing of a dynamic batch that could not be closed, and goes on with the others", () => {
    const refusal = (operation: string) => (operation === "CancelOTAStrategyByJob" ? "Forbidden.RAM" : undefined);
    const { stop, rollouts } = start([{ kind: "dynamic" }, { devices: 3 }], {}, { refusal });
    const { stopped, batches } = stop();
    expect(stopped).toBe(false);
    expect(batches.map(({ failure }) => failure?.code)).toEqual([undefined, "Forbidden.RAM"]);
    expect(rollouts().at(-1)?.tasks.CANCELED).toBe(3);
  });

  it("claims nothing if the batches cannot be listed again", () => {
    const refusal = (operation: string, nth: number) =>
      operation === "ListOTAJobByFirmware" && nth > 0 ? "Forbidden.RAM" : undefined;
    const { stopped, batches } = start([{ devices: 3 }], {}, { refusal }).stop();
    expect([stopped, batches[0]?.left]).toEqual([false, 0]);
  });

  it("reports a canceled batch that it could not count", () => {
    let isDenied = false;
    const refusal = (operation: string) => (isDenied && operation === "ListOTATaskByJob" ? "Forbidden.RAM" : undefined);
    const { stop } = start([{ kind: "dynamic", devices: 3 }, { devices: 3 }], {}, { refusal });
    expect(stop().stopped).toBe(true);
    isDenied = true;
    const { stopped, batches } = stop();
    expect([stopped, batches.length]).toEqual([false, 2]);
    expect(batches.every(({ after }) => after.incomplete.includes("Forbidden.RAM"))).toBe(true);
  });

  it("waits for the calls of a process that died before it believes a count", () => {
    const { world, stop } = start([{ devices: 3 }], {}, { crashesAfter: [6] });
    expect(stop().stopped).toBe(true);
    const { callTimeoutMs } = ORDER;
    expect(world.nowMs).toBeGreaterThan(callTimeoutMs + 5000);
  });

  it("keeps the record of another process until it has read the batch itself", () => {
    const { stop } = start([{ devices: 3 }]);
    const { batches } = stop();
    const known = new Map(batches.map((batch) => [batch.before.jobId, batch]));
    const machine = new StopMachine(ORDER, 0, (ms) => ms, known);
    const kept = batches.map((batch) => ({ ...batch, after: { ...batch.after, incomplete: expect.any(String) } }));
    expect(machine.batches()).toEqual(kept);
    machine.interrupt(0);
    for (let calls = machine.next(0); calls.length > 0; calls = machine.next(0)) {
      const end = { kind: "accepted", requestId: "R", answer: { kind: "jobs", jobs: [], isLast: true } } as const;
      for (const call of calls) machine.ended(call, { end, sentMs: 0, sentWallMs: 0, endedMs: 0, attempts: 1 });
    }
    expect(machine.conclusion).toMatchObject({ kind: "report", stopped: false, batches: kept });
  });

  it("claims nothing of a batch that was changed and is listed no more", () => {
    const { stop, world } = start([{ devices: 3 }]);
    const known = new Map(stop().batches.map((batch) => [`${batch.before.jobId}0`, batch]));
    expect(world.stop(ORDER, HOUR_MS, { known })).toMatchObject({ kind: "report", stopped: false });
  });

  it("changes nothing more once it is interrupted, and reports what is", () => {
    const { world } = start([{ devices: 3 }, { kind: "dynamic", devices: 3 }]);
    const conclusion = world.stop(ORDER, HOUR_MS, { interruptAtMs: 700 });
    expect(conclusion).toMatchObject({ kind: "report", isInterrupted: true });
    expect(world.seen.every(({ atMs }) => atMs < 1100)).toBe(true);
  });

  it("counts once more after the call that was under way when it was interrupted", () => {
    const { productKey, firmwareId } = ORDER;
    const job = { jobId: "j", status: "IN_PROGRESS", kind: "static", created: "", productKey, firmwareId } as const;
    const machine = new StopMachine(ORDER, 0, (ms) => ms);
    let total = 3;
    const answerOf = ({ operation }: StopCall): JobAnswer => {
      if (operation === "ListOTAJobByFirmware") return { kind: "jobs", jobs: [job], isLast: true };
      if (operation === "CancelOTATaskByJob") return { kind: "done" };
      return { kind: "tasks", total, tasks: total > 0 ? [{ deviceName: "", state: "QUEUED" }] : [] };
    };
    const answer = (call: StopCall, nowMs: number) => {
      const isElse = "state" in call && call.state !== "QUEUED";
      const none = { kind: "tasks", total: 0, tasks: [] } as const;
      const end = { kind: "accepted", requestId: "R", answer: isElse ? none : answerOf(call) } as const;
      machine.ended(call, { end, sentMs: nowMs, sentWallMs: nowMs, endedMs: nowMs, attempts: 1 });
    };
    let cancel: StopCall | undefined;
    while (!cancel) {
      for (const call of machine.next(0)) {
        if (call.operation === "CancelOTATaskByJob") cancel = call;
        else answer(call, 0);
      }
    }
    machine.interrupt(100);
    for (const call of machine.next(100)) answer(call, 100);
    total = 0;
    answer(cancel, 200);
    for (let calls = machine.next(300); calls.length > 0; calls = machine.next(300)) {
      for (const call of calls) answer(call, 300);
    }
    expect(machine.conclusion).toMatchObject({ kind: "report", isInterrupted: true, batches: [{ left: 0 }] });
  });

  it("claims nothing of a new batch that it finds too late to stop, if it was asked to", () => {
    const { productKey, firmwareId } = ORDER;
    const row = { status: "IN_PROGRESS", kind: "static", created: "", productKey, firmwareId } as const;
    const stoppedWith = (includeNewJobs: boolean) => {
      const machine = new StopMachine({ ...ORDER, includeNewJobs, settleMs: 7000 }, 0, (ms) => ms);
      const jobs = [{ ...row, jobId: "old" }];
      const play = (nowMs: number) => {
        for (let calls = machine.next(nowMs); calls.length > 0; calls = machine.next(nowMs)) {
          for (const call of calls) {
            const isList = call.operation === "ListOTAJobByFirmware";
            const answer = isList ? { kind: "jobs", jobs, isLast: true } : { kind: "tasks", total: 0, tasks: [] };
            const end = { kind: "accepted", requestId: "R", answer: answer as JobAnswer } as const;
            machine.ended(call, { end, sentMs: nowMs, sentWallMs: nowMs, endedMs: nowMs, attempts: 1 });
          }
        }
      };
      play(0);
      play(2000);
      jobs.unshift({ ...row, jobId: "new" });
      play(7000);
      return machine.conclusion;
    };
    expect(stoppedWith(false)).toMatchObject({ stopped: true, otherOpenJobs: ["new"] });
    expect(stoppedWith(true)).toMatchObject({ stopped: false, otherOpenJobs: ["new"] });
  });

  it("leaves strategies open if it is asked to, and then says so only of the tasks", () => {
    const { stop, rollouts } = start([{ kind: "dynamic", devices: 30 }]);
    expect(stop({ keepStrategies: true }).stopped).toBe(true);
    expect(rollouts().at(-1)).toMatchObject({ isOpenToDevices: true, tasks: { CANCELED: 30 } });
  });

  it("finds nothing to do when it is repeated", () => {
    const { world, stop } = start([{ devices: 30 }, { kind: "dynamic", devices: 30 }]);
    expect(stop().stopped).toBe(true);
    const seen = world.seen.length;
    expect(stop()).toMatchObject({ stopped: true, batches: [] });
    expect(world.seen).toHaveLength(seen);
  });
});
