// The promises of a stop, whatever the rollout, the open questions, the faults and the crashes.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OpenState } from "../../src/rollout/job-operator.js";
import { OPEN_STATES } from "../../src/rollout/job-operator.js";
import { runs } from "../support/property-runs.js";
import { aCase, isOwn, play, sumOf } from "../support/rollout-cases.js";
import type { RolloutWorld } from "../support/rollout-world.js";

type Made = RolloutWorld["made"];

/** Gaps in the proof: two zeros, 5 s apart, begun after the last change was answered. */
function unproved(made: Made, jobIds: readonly string[], states: readonly OpenState[]): readonly string[] {
  const isRefused = ({ result: { end } }: Made[number]) => end.kind === "refused";
  const changes = made.filter((each) => each.call.operation.startsWith("Cancel") && !isRefused(each));
  const changedMs = Math.max(-Infinity, ...changes.map(({ result }) => result.endedMs));
  const since = made.filter(({ result }) => (result.sentMs ?? -Infinity) >= changedMs);
  const isListed = since.some(({ call }) => call.operation === "ListOTAJobByFirmware");
  const missing = jobIds.flatMap((jobId) =>
    states.flatMap((state) => {
      const zeros = since.flatMap(({ call, result: { end, sentMs = 0 } }) => {
        const isCount = call.operation === "ListOTATaskByJob" && call.jobId === jobId && call.state === state;
        const isZero = end.kind === "accepted" && end.answer?.kind === "tasks" && end.answer.total === 0;
        return isCount && isZero ? sentMs : [];
      });
      return Math.max(...zeros) - Math.min(...zeros) >= 5000 ? [] : `${jobId} ${state}: ${zeros.join(" ")}`;
    }),
  );
  return isListed ? missing : [...missing, "not listed again"];
}

describe("StopMachine", () => {
  it("says that a rollout is stopped only if nothing asked for is open", () => {
    fc.assert(
      fc.property(aCase, (history) => {
        const { world, after, order, conclusion } = play(history);
        if (conclusion.kind !== "report" || !conclusion.stopped) return;
        const jobIds = conclusion.batches.map(({ after: { jobId } }) => jobId);
        expect(unproved(world.made, jobIds, order.states)).toEqual([]);
        for (const job of after.filter((each) => isOwn(each, order))) {
          expect(sumOf(order.states.map((state) => job.tasks[state]))).toBe(0);
          expect(job.status).not.toBe("PLANNED");
          if (!order.keepStrategies) expect(job.isOpenToDevices).toBe(false);
        }
      }),
      { numRuns: runs(300) },
    );
  });

  it("changes nothing that was not asked for, and says all five flags each time", () => {
    fc.assert(
      fc.property(aCase, (history) => {
        const { world, before, after, order } = play(history);
        for (const job of before.filter((each) => !isOwn(each, order))) {
          const now = after.find(({ jobId }) => jobId === job.jobId);
          expect(now?.tasks.CANCELED).toBe(job.tasks.CANCELED);
          expect(now?.isOpenToDevices).toBe(job.isOpenToDevices);
        }
        for (const { from, by } of world.canceledFrom) {
          // A device may move on between the page that was read and its cancel.
          if (!(by === "CancelOTATaskByDevice" && (history.simulate || history.listLagMs > 0))) {
            expect(order.states).toContain(from);
          }
        }
        for (const { call, openStrategies } of world.seen) {
          if (call.operation === "CancelOTAStrategyByJob") expect(order.keepStrategies).toBe(false);
          const isCancel = call.operation !== "CancelOTAStrategyByJob";
          const isCertain = history.faults.lost === 0 && history.faults.unavailable === 0;
          if (isCancel && isCertain && !order.keepStrategies) {
            // Otherwise a device whose task is canceled may join another batch of the rollout.
            const open = before.filter((job) => isOwn(job, order) && openStrategies.includes(job.jobId));
            expect(open).toEqual([]);
          }
          if (call.operation !== "CancelOTATaskByJob") continue;
          expect(Object.values(call.flags).filter((flag) => typeof flag === "boolean")).toHaveLength(5);
          expect(Object.values(call.flags)).toContain(true);
          if (!order.keepStrategies) expect(openStrategies).not.toContain(call.jobId);
        }
      }),
      { numRuns: runs(300) },
    );
  });

  it("stops what can be stopped", () => {
    fc.assert(
      fc.property(aCase, (history) => {
        const isEasy = { ...history, states: OPEN_STATES, keepStrategies: false, crashesAfter: [] };
        const options = { ...isEasy.options, emptiedJob: "CANCELED" as const };
        // A planned batch without tasks has nothing by which it could be canceled.
        const rollouts = isEasy.rollouts.map((each) => ({ ...each, queued: each.queued + 1 }));
        const { conclusion } = play({
          ...isEasy,
          options,
          rollouts,
          faults: { lost: 0.02, unavailable: 0.02, unreadable: 0 },
        });
        if (conclusion.kind === "report") expect(conclusion.stopped).toBe(true);
      }),
      { numRuns: runs(200) },
    );
  });
});
