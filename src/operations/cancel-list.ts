// An operation that cancels a list: its spec as it is stored, and the commands that it becomes.
import type { Command, Priority, Scope } from "../gateway/command.js";
import { type DeviceOutcome, OUTCOMES } from "../gateway/device-outcome.js";
import type { Failure } from "../gateway/failures.js";

/**
 * Changes whenever `spec` or a stored failure is written in a way that older programs cannot read.
 */
export const CANCEL_LIST = "cancel-list/1";

/** The normalized spec. */
export interface CancelListSpec {
  readonly requestId: string;
  readonly account: string;
  readonly scope: Scope;
  readonly priority: Priority;
  readonly reason: string;
  readonly verify: boolean;
  readonly timeToLiveMs: number;
}

/** How many devices failed for each kind of cause, with one example. Stored as `detail`. */
export type Causes = Partial<Record<Failure["kind"], { devices: number; failure: Failure }>>;

/** A command for some devices. It is not refused for its time: the operation ends at its own. */
export function commandFor(spec: CancelListSpec, caller: string, deviceNames: readonly string[]): Command {
  const { account, scope, priority } = spec;
  return { account, scope, deviceNames, caller, priority, answerByMs: Infinity, requireAll: false, verify: false };
}

/** The failure that explains an outcome; undefined if there is nothing to explain. */
export function failureOfOutcome(outcome: DeviceOutcome): Failure | undefined {
  if ("failure" in outcome) return outcome.failure;
  return "unverified" in outcome ? outcome.unverified : undefined;
}

/** The outcome of these parts, as they are stored. `kind` is an index of OUTCOMES. */
export function outcomeOf(kind: number, failure: string): DeviceOutcome {
  const name = OUTCOMES[kind] as DeviceOutcome["kind"];
  const explained = failure === "" ? undefined : (JSON.parse(failure) as Failure);
  switch (name) {
    case "rejected":
    case "unknown":
    case "not-attempted":
      return { kind: name, failure: explained ?? { kind: "internal", message: "no reason was stored" } };
    case "accepted":
    case "no-task":
      return { kind: name, ...(explained && { unverified: explained }) };
    default:
      return { kind: name };
  }
}

/** The most frequent cause; undefined if nothing failed. */
export function commonest(causes: Causes): Failure | undefined {
  let most: { devices: number; failure: Failure } | undefined;
  for (const cause of Object.values(causes)) if (cause.devices > (most?.devices ?? 0)) most = cause;
  return most?.failure;
}
