// Runs the questions about jobs against an emulator in this process. Time stands still for both,
// and only the probe's pauses turn it: minutes pass at once, and a busy machine changes no reading.
import type { TestContext } from "vitest";
import { type Clock, systemClock } from "../../src/base/clock.js";
import type { JobsGiven } from "../../src/cli/probe/jobs/calls.js";
import { type JobsProbe, runJobsProbe } from "../../src/cli/probe/jobs/run.js";
import type { ProbeOptions } from "../../src/cli/probe/run.js";
import { createWire, type Wire } from "../../src/cli/probe/wire.js";
import type { EmulatorOptions } from "../../src/emulator/options.js";
import type { RolloutSpec } from "../../src/emulator/rollout-control.js";
import { type Emulator, startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { createCredentials } from "../../src/upstream/credentials.js";
import type { Operation } from "../../src/upstream/device-operations.js";
import { KEYS } from "./processes.js";

export const PRODUCT = "a1ProbedJobs";
export const [FIRMWARE, OTHER_FIRMWARE, VERIFIED] = ["FirmwareOfJobs", "OtherFirmware", "VerifiedFirmware"] as const;
/** The device that reports the new version as soon as the probe asks for it. */
export const REPORTING = seededName(0);

/** One batch of each kind that a question needs, in the order in which devices are created. */
export const EVERY_JOB: readonly RolloutSpec[] = [
  { jobId: "running", devices: 3, states: { NOTIFIED: 1 } },
  { jobId: "older", kind: "dynamic", firmwareId: OTHER_FIRMWARE },
  { jobId: "dynamic", kind: "dynamic", devices: 2 },
  { jobId: "started", devices: 1, startsInMs: 1000 },
  { jobId: "planned-1", devices: 1, startsInMs: 86_400_000 },
  { jobId: "planned-2", devices: 1, startsInMs: 86_400_000 },
  { jobId: "verification", kind: "verify", devices: 1, firmwareId: VERIFIED },
];

/** The input of a user who has prepared all of it. */
export function givenFor(specs: readonly RolloutSpec[]): JobsGiven {
  const devices = specs.reduce((sum, spec) => sum + (spec.devices ?? 0), 0);
  return {
    productKey: PRODUCT,
    firmwareIds: [FIRMWARE, OTHER_FIRMWARE, VERIFIED],
    instanceId: "",
    jobs: specs.map(({ jobId = "" }) => jobId),
    devices: Array.from({ length: devices }, (_, index) => seededName(index)),
    reportingDevice: REPORTING,
  };
}

/** A call, and when it left by the probe's clock. */
export interface SentCall extends Operation {
  readonly sentMs: number;
}

export interface ProbingJobs {
  readonly emulator: Emulator;
  readonly calls: readonly SentCall[];
  run(given: JobsGiven, options?: Partial<Pick<ProbeOptions, "signal" | "progress">>): Promise<JobsProbe>;
}

export async function startProbingJobs(
  { onTestFinished }: Pick<TestContext, "onTestFinished">,
  specs: readonly RolloutSpec[] = EVERY_JOB,
  settings: EmulatorOptions = {},
): Promise<ProbingJobs> {
  const still: Clock = {
    now: () => 0,
    wallNow: () => systemClock.wallNow(),
    at: (timeMs, run) => systemClock.at(systemClock.now() + timeMs, run),
  };
  const emulator = await startEmulator({
    listen: "127.0.0.1:0",
    clock: still,
    // Quotas go by the clock that stands still.
    quotas: Object.fromEntries(ACTIONS.map((action) => [action, 100_000])),
    quota: 100_000,
    productKey: PRODUCT,
    firmwareId: FIRMWARE,
    ...settings,
  });
  for (const spec of [
    ...specs,
    { firmwareId: OTHER_FIRMWARE, jobId: "over-1" },
    { firmwareId: VERIFIED, jobId: "over-2" },
  ]) {
    emulator.startRollout({ productKey: PRODUCT, ...spec });
  }
  // Until the started batch has started, and lists that lag show every task.
  emulator.advance(60_000);

  let aheadMs = 0;
  const clock: Clock = {
    now: () => aheadMs,
    wallNow: () => systemClock.wallNow(),
    at(timeMs, run) {
      const leftMs = Math.max(0, timeMs - clock.now());
      emulator.advance(leftMs);
      aheadMs += leftMs;
      const timer = setImmediate(run);
      return () => clearImmediate(timer);
    },
  };
  const calls: SentCall[] = [];
  const credentials = createCredentials({ clock: systemClock, env: KEYS });
  const url = new URL(emulator.url);
  const wire = createWire({ url, timeoutMs: 5_000, credentials, clock: systemClock, names: [] });
  const watched: Wire = {
    send(operation) {
      calls.push({ ...operation, sentMs: clock.now() });
      return wire.send(operation);
    },
    roundTrip: () => wire.roundTrip(),
    close: () => wire.close(),
  };
  onTestFinished(async () => {
    await wire.close();
    await emulator.close();
  });
  const report = (line: string) => {
    if (!line.startsWith("let the reporting device")) return;
    emulator.report({ productKey: PRODUCT, deviceName: REPORTING, version: "2.0.0" });
  };
  return {
    emulator,
    calls,
    run: (given, options = {}) =>
      runJobsProbe(given, { wire: watched, clock, signal: new AbortController().signal, progress: report, ...options }),
  };
}

const ACTIONS = [
  ...["QueryOTAJob", "ListOTAJobByFirmware", "ListOTATaskByJob", "ListOTAUnfinishedTaskByDevice"],
  ...["CancelOTATaskByJob", "CancelOTAStrategyByJob", "BatchQueryDeviceDetail"],
];
