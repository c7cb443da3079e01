// Rollouts at random, and what became of them by a stop.
import fc from "fast-check";
import { JOB_QUESTIONS } from "../../src/emulator/open-questions.js";
import { seededRandom } from "../../src/emulator/random.js";
import { createRollout, type JobReading, jobReadings, type RolloutSpec } from "../../src/emulator/rollout-control.js";
import { OPEN_STATES, type OpenState } from "../../src/rollout/job-operator.js";
import type { StopOrder } from "../../src/rollout/stop-call.js";
import { RolloutWorld } from "./rollout-world.js";

const PRODUCT = "a1EmulatorPk";
const FIRMWARE = "EmulatedFirmware0000030100";
const MINUTE_MS = 60_000;

/** Subsets into which no task moves that was not in them, however devices move on. */
const CLOSED_STATES: readonly (readonly OpenState[])[] = [
  OPEN_STATES,
  ["QUEUED"],
  ["CONFIRM", "QUEUED"],
  ["QUEUED", "NOTIFIED"],
  ["QUEUED", "NOTIFIED", "IN_PROGRESS"],
];

const few = fc.integer({ min: 0, max: 12 });
const aRollout = fc.record({
  kind: fc.constantFrom("static", "static", "verify"),
  states: fc.record({ CONFIRM: few, NOTIFIED: few, IN_PROGRESS: few, SUCCEEDED: few }),
  queued: fc.oneof(few, few, fc.constantFrom(0, 150, 1300)),
  isPlanned: fc.boolean(),
  isForeign: fc.constantFrom(0, 0, 1, 2),
});
const someOptions = fc.record(
  Object.fromEntries(Object.entries(JOB_QUESTIONS).map(([name, { choices }]) => [name, fc.constantFrom(...choices)])),
);
/** A part of all calls. */
const aPart = (...parts: number[]) => fc.constantFrom(...parts);

export const aCase = fc.record({
  seed: fc.nat(),
  rollouts: fc.array(aRollout, { minLength: 1, maxLength: 4 }),
  dynamic: fc.option(fc.record({ queued: few, joinsPerSecond: few, isClosed: fc.boolean() }), { nil: undefined }),
  options: someOptions,
  simulate: fc.boolean(),
  byJobDelayMs: fc.constantFrom(0, 1500, 7000),
  listLagMs: fc.constantFrom(0, 1000, 3000),
  states: fc.constantFrom(...CLOSED_STATES),
  keepStrategies: fc.constantFrom(false, false, true),
  includeNewJobs: fc.boolean(),
  onlyOne: fc.constantFrom("no", "no", "own", "foreign"),
  faults: fc.record({
    lost: aPart(0, 0.05, 0.2),
    unavailable: aPart(0, 0.05, 0.2),
    unreadable: aPart(0, 0, 0.1),
  }),
  crashesAfter: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 3 }),
});
export type Case = typeof aCase extends fc.Arbitrary<infer T> ? T : never;

export const sumOf = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0);

function newWorld(history: Case): RolloutWorld {
  const { options, simulate, byJobDelayMs, listLagMs, faults, crashesAfter, seed } = history;
  const random = seededRandom(seed);
  return new RolloutWorld({
    random,
    faults,
    crashesAfter,
    options: { ...options, simulate, byJobDelayMs, listLagMs, random, updateSeconds: 30 },
  });
}

function populate(world: RolloutWorld, { rollouts, dynamic }: Case): readonly JobReading[] {
  const { platform, settings } = world.service;
  // The package fits any product, so that its list has batches of others too.
  const shared = platform.firmware.get(FIRMWARE);
  if (shared) platform.firmware.set(FIRMWARE, { ...shared, productKey: undefined });
  const create = (spec: RolloutSpec) => createRollout(platform, spec, settings);
  for (const { kind, states: begun, queued, isPlanned, isForeign } of rollouts) {
    // Nothing of a planned batch was pushed.
    const states = isPlanned && kind === "static" ? { CONFIRM: begun.CONFIRM } : begun;
    const foreign = { 0: {}, 1: { productKey: "a1Other" }, 2: { firmwareId: "OtherFirmware" } };
    create({
      kind: kind as "static" | "verify",
      states,
      devices: queued + sumOf(Object.values(states)),
      retryInterval: 10,
      retryCount: 1,
      ...foreign[isForeign as 0 | 1 | 2],
      ...(isPlanned && kind === "static" && { startsInMs: 600 * MINUTE_MS }),
    });
  }
  if (dynamic) {
    const { jobId } = create({ kind: "dynamic", devices: dynamic.queued, joinsPerSecond: dynamic.joinsPerSecond });
    if (dynamic.isClosed) world.service.call("CancelOTAStrategyByJob", { JobId: jobId });
  }
  return jobReadings(platform);
}

function orderOf(history: Case, jobs: readonly JobReading[]): StopOrder {
  const own = jobs.filter(({ productKey, firmwareId }) => productKey === PRODUCT && firmwareId === FIRMWARE);
  return {
    productKey: PRODUCT,
    firmwareId: FIRMWARE,
    jobId: jobIdOf(history, own, jobs),
    states: history.states,
    keepStrategies: history.keepStrategies,
    includeNewJobs: history.includeNewJobs,
    etag: "",
    settleMs: 2 * MINUTE_MS,
    callTimeoutMs: 10_000,
  };
}

/** The only batch that is asked for; empty for all. */
function jobIdOf({ onlyOne }: Case, own: readonly JobReading[], jobs: readonly JobReading[]): string {
  if (onlyOne === "no") return "";
  const foreign = jobs.filter((job) => !own.includes(job));
  return (onlyOne === "own" ? own : foreign).at(-1)?.jobId ?? "no-such-batch";
}

export const isOwn = ({ productKey, firmwareId, jobId }: JobReading, order: StopOrder) =>
  productKey === PRODUCT && firmwareId === FIRMWARE && (order.jobId === "" || order.jobId === jobId);

export function play(history: Case) {
  const world = newWorld(history);
  const before = populate(world, history);
  const order = orderOf(history, before);
  // Lists show what was there before the stop.
  world.nowMs += history.listLagMs;
  const conclusion = world.stop(order, 120 * MINUTE_MS);
  return { world, before, after: jobReadings(world.service.platform), order, conclusion };
}
