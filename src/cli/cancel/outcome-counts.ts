// Counts what became of the devices of a run, with a few examples of each failure.
import type { DeviceResult, Failure, Outcome } from "../../client/client.js";
import { isUnverified, reasonOf } from "./result-row.js";

/** Devices that failed, or could not be read back, for the same reason. */
export interface FailureGroup {
  readonly outcome: Outcome;
  /** As in the results file. */
  readonly reason: string;
  readonly message: string;
  devices: number;
  readonly examples: string[];
}

const EXAMPLES = 3;

export class OutcomeCounts {
  readonly outcomes = new Map<Outcome, number>();
  readonly #failures = new Map<string, FailureGroup>();
  readonly #unverified = new Map<string, FailureGroup>();
  ok = 0;
  failed = 0;

  /** Most frequent first. */
  get failures(): readonly FailureGroup[] {
    return commonestFirst(this.#failures);
  }

  /** Reasons why devices that ended well could not be read back. Most frequent first. */
  get unverified(): readonly FailureGroup[] {
    return commonestFirst(this.#unverified);
  }

  count(result: DeviceResult): void {
    const { outcome, ok, failure } = result;
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    if (ok) {
      this.ok++;
      // They all have the same reason; only the message differs.
      if (isUnverified(failure)) addTo(this.#unverified, failure.message, result, failure);
      return;
    }
    this.failed++;
    addTo(this.#failures, `${outcome} ${reasonOf(failure)}`, result, failure);
  }
}

function addTo(
  groups: Map<string, FailureGroup>,
  key: string,
  { deviceName, outcome }: DeviceResult,
  failure: Failure | undefined,
): void {
  const message = failure?.message ?? "";
  const group = groups.get(key) ?? { outcome, reason: reasonOf(failure), message, devices: 0, examples: [] };
  groups.set(key, group);
  group.devices++;
  if (group.examples.length < EXAMPLES) group.examples.push(deviceName);
}

function commonestFirst(groups: ReadonlyMap<string, FailureGroup>): readonly FailureGroup[] {
  return [...groups.values()].sort((a, b) => b.devices - a.devices);
}
