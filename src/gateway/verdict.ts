// Decides whether the whole answer is a success or an error for its caller. Pure. It is an error if
// all devices failed, or with `require_all` if any did. The most common cause names the error.
import type { DeviceOutcome } from "./device-outcome.js";
import { type CauseCount, FAILURE_KINDS, type Failure, type FailureKind } from "./failures.js";

/** The maximum number of the caller's own device names in an error, over all causes. */
const SAMPLE_NAMES = 10;

export interface Verdict {
  /** The error of the rpc. */
  readonly failure: Failure;
  /** Every cause with its count, most common first; FAILURE_KINDS breaks ties. */
  readonly causes: readonly CauseCount[];
}

/** Whether the outcome is a good one. */
export function isWell(outcome: DeviceOutcome): boolean {
  return !("failure" in outcome);
}

/** The error; undefined if the rpc succeeds. `deviceNames` are in the order of the outcomes. */
export function verdict(
  outcomes: readonly DeviceOutcome[],
  deviceNames: readonly string[],
  requireAll: boolean,
): Verdict | undefined {
  const isError = requireAll ? !outcomes.every(isWell) : !outcomes.some(isWell);
  if (!isError) return undefined;

  const indexesByFailure = new Map<Failure, number[]>();
  for (const [index, outcome] of outcomes.entries()) {
    if (!("failure" in outcome)) continue;
    const indexes = indexesByFailure.get(outcome.failure);
    if (indexes) indexes.push(index);
    else indexesByFailure.set(outcome.failure, [index]);
  }
  // Most common first, so that each kind is represented by its most common failure.
  const groups = [...indexesByFailure].sort(([, a], [, b]) => b.length - a.length);
  const kinds = FAILURE_KINDS.flatMap((kind) => kindOf(kind, groups)).sort(
    (a, b) => b.indexes.length - a.indexes.length,
  );
  let samplesLeft = SAMPLE_NAMES;
  const causes = kinds.map(({ kind, indexes }, n) => {
    const samples = indexes.slice(0, Math.ceil(samplesLeft / (kinds.length - n)));
    samplesLeft -= samples.length;
    return { kind, devices: indexes.length, sampleNames: samples.map((index) => deviceNames[index] as string) };
  });
  const first = kinds[0];
  if (!first) throw new Error("failed devices have no failure");
  return { failure: first.failure, causes };
}

function kindOf(kind: FailureKind, groups: readonly [Failure, number[]][]) {
  const [first, ...others] = groups.filter(([failure]) => failure.kind === kind);
  if (!first) return [];
  return [{ kind, failure: first[0], indexes: [first, ...others].flatMap(([, indexes]) => indexes) }];
}
