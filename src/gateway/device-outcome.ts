// How a device of a request can end: what is reported of it, and no more than is known.
import type { Failure } from "./failures.js";

/**
 * The outcome of a device, with the reason if something is wrong. Devices with the same outcome
 * share one object.
 */
export type DeviceOutcome =
  | { readonly kind: "accepted"; readonly unverified?: Failure }
  /** The state of its task when read back. `unverified`: why reading the task back told nothing. */
  | { readonly kind: "verified-canceled" | "already-finished" }
  | { readonly kind: "no-task"; readonly unverified?: Failure }
  | { readonly kind: "rejected" | "unknown" | "not-attempted"; readonly failure: Failure };

/** All outcomes. Operations store their places in this list, so new ones are added at its end. */
export const OUTCOMES = [
  "accepted",
  "verified-canceled",
  "already-finished",
  "no-task",
  "rejected",
  "unknown",
  "not-attempted",
] as const satisfies readonly DeviceOutcome["kind"][];

/** Those that have a failure; the others are good. */
export const FAILED_OUTCOMES: ReadonlySet<DeviceOutcome["kind"]> = new Set(["rejected", "unknown", "not-attempted"]);
