// Whether an answer is a success or an error for its caller as a whole. Pure. It is an error if no
// device ended well, or with `require_all` if any did not; the commonest cause names it.
import { type CauseCount, FAILURE_KINDS, type Failure, type FailureKind } from "./errors.js";
import type { DeviceOutcome } from "./waiter.js";

/** Names of the caller's own devices that an error shows, over all causes. */
const SAMPLE_NAMES = 10;

export interface Verdict {
  /** What the rpc fails with. */
  readonly failure: Failure;
  /** Every cause with its count, commonest first; ties in the order of FAILURE_KINDS. */
  readonly causes: readonly CauseCount[];
}

/** Whether a device ended well. */
export function isWell(outcome: DeviceOutcome): boolean {
  return !("failure" in outcome);
}

/** Undefined if the rpc is OK. `deviceNames` are those of the request, in the order of the outcomes. */
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
  // Commonest first, so that each kind is represented by its commonest failure.
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
  if (!first) throw new Error("devices that did not end well have no failure");
  return { failure: first.failure, causes };
}

function kindOf(kind: FailureKind, groups: readonly [Failure, number[]][]) {
  const [first, ...others] = groups.filter(([failure]) => failure.kind === kind);
  if (!first) return [];
  return [{ kind, failure: first[0], indexes: [first, ...others].flatMap(([, indexes]) => indexes) }];
}
