// Counts what a dry run with --check has read: which devices exist, which do not, and which
// could not be read.
import { visible } from "../../base/visible-text.js";
import type { DeviceResult } from "../../client/client.js";
import { count, counted } from "../terminal/figures.js";

/** Missing devices to name. The results file has all of them. */
const EXAMPLES = 10;

export class NameCheck {
  existing = 0;
  missing = 0;
  notRead = 0;
  readonly firstMissing: string[] = [];
  /** Why the first of them was not read. */
  notReadBecause = "";

  count({ deviceName, outcome, failure }: DeviceResult): void {
    if (!failure) {
      this.existing++;
    } else if (outcome === "REJECTED") {
      this.missing++;
      if (this.firstMissing.length < EXAMPLES) this.firstMissing.push(deviceName);
    } else {
      this.notRead++;
      this.notReadBecause ||= failure.message;
    }
  }

  get isClean(): boolean {
    return this.missing === 0 && this.notRead === 0;
  }
}

export function nameCheckJson({ existing, missing, notRead, firstMissing, notReadBecause }: NameCheck): object {
  return {
    existing,
    missing,
    not_read: notRead,
    ...(missing > 0 && { missing_examples: firstMissing }),
    ...(notRead > 0 && { not_read_because: notReadBecause }),
  };
}

export function nameCheckText({ existing, missing, notRead, firstMissing, notReadBecause }: NameCheck): string {
  const rest = missing - firstMissing.length;
  return [
    `Read: ${counted(existing, "device")} ${existing === 1 ? "exists" : "exist"}, ${count(missing)} do not, ${count(notRead)} could not be read.`,
    ...(missing > 0
      ? [`Do not exist: ${visible(firstMissing.join(", "))}${rest > 0 ? `, and ${count(rest)} more` : ""}.`]
      : []),
    ...(notRead > 0 ? [`Not read: ${visible(notReadBecause.replace(/^not read:? /, ""))}.`] : []),
  ].join("\n");
}
