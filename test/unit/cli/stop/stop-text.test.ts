import { describe, expect, it } from "vitest";
import { stopText } from "../../../../src/cli/stop/stop-text.js";
import type {
  Failure,
  JobCounts,
  JobStop,
  OperationStatus,
  RolloutJob,
  StopProgress,
} from "../../../../src/client/client.js";

const ZERO: JobCounts = { confirm: 0, queued: 0, notified: 0, inProgress: 0, succeeded: 0, failed: 0, canceled: 0 };
const FAILURE: Failure = { reason: "REJECTED", code: "FAILED_PRECONDITION", message: "", violations: [], devices: {} };

function reading(counts: Partial<JobCounts>, more: Partial<RolloutJob> = {}): RolloutJob {
  const rest = { createTime: undefined, countTime: undefined, incomplete: "" };
  return { jobId: "XVX", kind: "DYNAMIC", status: "IN_PROGRESS", counts: { ...ZERO, ...counts }, ...rest, ...more };
}

function aBatch(more: Partial<JobStop> = {}): JobStop {
  const rest = { strategyClosed: true, calls: [], callsMade: 2, asked: 905_000, swept: 0, left: 0 };
  return {
    ...{ jobId: "XVX", mayStillInstall: 25_000, alreadyInstalled: 30_500, ...rest },
    before: reading({ queued: 880_000, notified: 20_000, inProgress: 5000, succeeded: 30_500 }),
    after: reading({ succeeded: 30_500, canceled: 905_000 }, { status: "CANCELED" }),
    ...more,
  };
}

function textOf(stop: Partial<StopProgress>, more: Partial<OperationStatus> = {}): string {
  const report = {
    step: "DONE",
    stopped: false,
    jobs: [aBatch()],
    otherOpenJobs: [],
    etag: "",
    ...stop,
  } as StopProgress;
  const { stopped: success, jobs } = report;
  const status = { name: "operations/1", done: true, durable: true, devicesWaiting: jobs[0]?.left ?? 0 };
  return stopText({ ...status, success, stop: report, ...more } as OperationStatus, report, (_, text) => text);
}

describe("stopText", () => {
  it("prints no name that a terminal would obey (was: that of the operation)", () => {
    expect(textOf({ stopped: true }, { name: "operations/\u009b2J" })).not.toMatch(/[^\P{C}\n]/u);
  });

  it("shows each batch before and after, what may still install, and what runs the firmware", () => {
    expect(textOf({ stopped: true })).toBe(`Stopped: nothing that was asked for is open any more.

  XVX  dynamic  CANCELED  closed to new devices
    before  open 905,000: 880,000 queued, 20,000 notified, 5,000 in progress
    before  over 30,500: 30,500 succeeded
    now     open 0
    now     over 935,500: 30,500 succeeded, 905,000 canceled
    2 calls on the whole batch
    at least 25,000 devices had the package, and may install it all the same

30,500 devices run the new version already.
The cloud cannot call back a package that a device knows of: for 24 hours, look
  at the versions that devices report.
Each call with its request id: ota-gateway operations show operations/1 --json
`);
  });

  it("says what is left, why, and what to do", () => {
    const failure = { ...FAILURE, message: "the upstream refused it", upstreamCode: "iot.ota.Any" };
    const text = textOf({ jobs: [aBatch({ left: 1234, swept: 20_000, failure })], otherOpenJobs: ["NEW"] });
    expect(text).toContain("Not stopped: 1,234 tasks left.");
    expect(text).toContain("20,000 devices canceled one by one");
    expect(text).toContain("refused: the upstream refused it (iot.ota.Any)");
    expect(text).toContain("Not touched: NEW. Stop them with --job-id, or with --include-new-jobs.");
    expect(text).toContain("Run the command again to go on: repeating a stop is harmless.");
  });

  it("does not claim a stop that could not be proven", () => {
    const after = reading({ queued: undefined }, { incomplete: "not counted: the upstream did not answer" });
    const text = textOf({ jobs: [aBatch({ after })] });
    expect(text).toContain("Not proven to be stopped");
    expect(text).toContain("not known: not counted: the upstream did not answer");
  });

  it("says whether anything was changed when it failed", () => {
    const failure = { ...FAILURE, reason: "ROLLOUT_CHANGED", message: "the rollout has changed; read it again" };
    expect(textOf({ jobs: [] }, { failure })).toMatch(/^Nothing was changed: the rollout has changed/);
    expect(textOf({}, { failure })).toMatch(/^Not finished: the rollout has changed/);
  });

  it("says of one that runs what it is doing, and whether it outlives the gateway", () => {
    const running = { done: false, durable: false, devicesWaiting: 3 };
    const text = textOf({ step: "SWEEP" }, running);
    expect(text).toMatch(/^Under way: 3 tasks left\. Step: sweep\./);
    expect(text).toContain("It goes on at the gateway, as long as its process lives.");
  });

  it("fits a terminal of 80 columns, whatever the upstream says", () => {
    const words = "The batch cannot be canceled because ".repeat(6);
    const failure = { ...FAILURE, message: words };
    const jobs = [aBatch({ failure, after: reading({}, { incomplete: words }) })];
    for (const line of textOf({ jobs, otherOpenJobs: ["a", "b"] }, { failure }).split("\n")) {
      expect(line.length).toBeLessThanOrEqual(80);
    }
  });
});
