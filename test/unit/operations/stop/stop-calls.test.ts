import { describe, expect, it } from "vitest";
import { StopCalls } from "../../../../src/operations/stop/stop-calls.js";
import type { StopCallEnd } from "../../../../src/rollout/stop-call.js";
import { SCOPE } from "../../../support/fake-command.js";
import { HandClock } from "../../../support/hand-clock.js";

describe("StopCalls", () => {
  it("ends a call that fails in the gateway as one that may have been sent (was: the process ended)", async () => {
    const clock = new HandClock();
    const failed: unknown[] = [];
    const ends: StopCallEnd["end"][] = [];
    const calls = new StopCalls(
      {
        clock,
        calls: { call: () => Promise.reject(new Error("broken")) },
        gateway: {
          cancel: () => {
            throw new Error("nothing is swept here");
          },
        },
        ...{ caller: "fleet", spec: { scope: SCOPE } as never, span: undefined, sendUntilMs: () => Infinity },
        settled: () => {},
        failed: (error) => void failed.push(error),
        ended: (_, { end }) => void ends.push(end),
      },
      0,
    );
    calls.make({ operation: "CancelOTATaskByJob", jobId: "job-1" } as never);
    await clock.advance(0);
    expect(ends).toEqual([{ kind: "lost", message: "the gateway failed while it made the call" }]);
    expect([failed, calls.underWay]).toEqual([[new Error("broken")], 0]);
  });
});
