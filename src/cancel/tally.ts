// What became of the devices of a run, in numbers, and a few examples of what went wrong.
import type { DeviceResult, Outcome } from "../client/client.js";

/** Devices that failed for the same reason. */
export interface FailureGroup {
  readonly outcome: Outcome;
  /** The upstream's code where it has one, else the gateway's reason. */
  readonly reason: string;
  readonly message: string;
  devices: number;
  readonly examples: string[];
}

const EXAMPLES = 3;

export class Tally {
  readonly outcomes = new Map<Outcome, number>();
  readonly #groups = new Map<string, FailureGroup>();
  ok = 0;
  failed = 0;

  /** Commonest first. */
  get groups(): readonly FailureGroup[] {
    return [...this.#groups.values()].sort((a, b) => b.devices - a.devices);
  }

  count({ deviceName, outcome, ok, failure }: DeviceResult): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    if (ok) {
      this.ok++;
      return;
    }
    this.failed++;
    const reason = failure?.upstreamCode ?? failure?.reason ?? "";
    const key = `${outcome} ${reason}`;
    const group = this.#groups.get(key) ?? {
      outcome,
      reason,
      message: failure?.message ?? "",
      devices: 0,
      examples: [],
    };
    this.#groups.set(key, group);
    group.devices++;
    if (group.examples.length < EXAMPLES) group.examples.push(deviceName);
  }
}
