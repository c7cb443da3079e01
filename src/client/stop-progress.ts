// How far a stop is, for Node services: what each batch was, what it is, and what is left.
import {
  type StopRolloutMetadata,
  type StopRolloutResponse,
  type JobStop as WireJobStop,
  Step as WireStep,
  TaskState as WireTaskState,
} from "../gen/ota/v1/ota_service.js";
import { type Failure, failureOf } from "./failure.js";
import { callOf, type UpstreamCall } from "./response.js";
import { type JobCounts, jobByWire, type RolloutJob } from "./rollout.js";

export interface StopProgress {
  /** The step that it is in; see Step in ota_service.proto. */
  readonly step: Exclude<keyof typeof WireStep, "UNRECOGNIZED">;
  /**
   * True only if nothing is left in the asked-for states; see StopRolloutResponse in
   * ota_service.proto. False while it runs.
   */
  readonly stopped: boolean;
  readonly jobs: readonly JobStop[];
  /** Open batches of the package that were not touched. Known at the end. */
  readonly otherOpenJobs: readonly string[];
  /** Of the rollout as last listed. Empty before the end. */
  readonly etag: string;
}

/** One batch of a stop. Counts are of tasks. */
export interface JobStop {
  readonly jobId: string;
  /** Before the first change, and as last read. Undefined if not read yet. */
  readonly before: RolloutJob | undefined;
  readonly after: RolloutJob | undefined;
  /** Whether the upstream confirmed that the dynamic batch takes no device any more. */
  readonly strategyClosed: boolean;
  /** The calls on the whole batch, the last 20. */
  readonly calls: readonly UpstreamCall[];
  readonly callsMade: number;
  /** Tasks in the asked-for states before the first change. */
  readonly asked: number;
  /** Devices canceled one by one. */
  readonly swept: number;
  /** Tasks in the asked-for states at the last count. */
  readonly left: number;
  /** Devices that had the package already, at least, and may install it all the same. */
  readonly mayStillInstall: number;
  /** Devices that run the package. */
  readonly alreadyInstalled: number;
  /** Why work on it ended, or why it could not be canceled as a whole. */
  readonly failure?: Failure;
}

const STATES: readonly (readonly [WireTaskState, keyof JobCounts])[] = [
  [WireTaskState.CONFIRM, "confirm"],
  [WireTaskState.QUEUED, "queued"],
  [WireTaskState.NOTIFIED, "notified"],
  [WireTaskState.IN_PROGRESS, "inProgress"],
];

/** `response`: once it has ended with one. */
export function stopProgressOf(told: StopRolloutMetadata, response: StopRolloutResponse | undefined): StopProgress {
  const asked = told.request?.states ?? [];
  const states = STATES.filter(([state]) => asked.length === 0 || asked.includes(state)).map(([, count]) => count);
  return {
    step: (WireStep[told.step] ?? "UNSPECIFIED") as StopProgress["step"],
    stopped: response?.stopped ?? false,
    jobs: (response?.jobs ?? told.jobs).map((job) => jobStopOf(job, states)),
    otherOpenJobs: response?.otherOpenJobs ?? [],
    etag: response?.etag ?? "",
  };
}

function jobStopOf(wire: WireJobStop, states: readonly (keyof JobCounts)[]): JobStop {
  const { calls, failure, strategyClosed } = wire;
  const [before, after] = [wire.before && jobByWire(wire.before), wire.after && jobByWire(wire.after)];
  return {
    ...{ before, after, strategyClosed, jobId: (before ?? after)?.jobId ?? "" },
    calls: calls.map(callOf),
    callsMade: Number(wire.callsMade),
    asked: states.reduce((sum, state) => sum + (before?.counts[state] ?? 0), 0),
    swept: Number(wire.swept),
    left: Number(wire.left),
    mayStillInstall: Number(wire.mayStillInstall),
    alreadyInstalled: Number(wire.alreadyInstalled),
    ...(failure && { failure: failureOf(failure) }),
  };
}
