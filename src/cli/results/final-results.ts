// Counts the devices of a results file by their last outcome and reason. A device that was tried
// again has several lines.
import { isGood, type Outcome } from "../../client/client.js";
import type { ResultRow } from "../cancel/result-row.js";

export interface ResultGroup {
  readonly outcome: string;
  /** Empty for devices that ended well. */
  readonly reason: string;
  /** Of the first of them. */
  readonly message: string;
  devices: number;
}

export class FinalResults {
  /** Names share the object of their group, so that a million of them fit into memory. */
  readonly #byName = new Map<string, ResultGroup>();
  readonly #groups = new Map<string, ResultGroup>();

  add({ device_name: name, outcome, reason, message }: ResultRow): void {
    const before = this.#byName.get(name);
    if (before) before.devices--;
    const key = `${outcome} ${reason}`;
    const group = this.#groups.get(key) ?? { outcome, reason, message, devices: 0 };
    this.#groups.set(key, group);
    group.devices++;
    this.#byName.set(name, group);
  }

  get devices(): number {
    return this.#byName.size;
  }

  /** Most frequent first. */
  get groups(): readonly ResultGroup[] {
    return [...this.#groups.values()].filter(({ devices }) => devices > 0).sort((a, b) => b.devices - a.devices);
  }

  /** The devices that did not end well, in the order of their first result. */
  *left(): Generator<{ readonly name: string; readonly group: ResultGroup }> {
    for (const [name, group] of this.#byName) if (!hasEndedWell(group)) yield { name, group };
  }
}

export function hasEndedWell({ outcome }: Pick<ResultGroup, "outcome">): boolean {
  return isGood(outcome as Outcome);
}
