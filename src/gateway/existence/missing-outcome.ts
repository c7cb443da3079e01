// The outcome of a device that a reading asked for and did not find.
import type { DeviceOutcome } from "../device-outcome.js";
import type { Failure } from "../failures.js";

/** `code`: the upstream's, from a call that was refused for such a device; empty if none was. */
export function missingOutcome(upstream: NonNullable<Failure["upstream"]>): DeviceOutcome {
  const code = upstream.code && ` (${upstream.code})`;
  const message = `the device does not exist: it was read, and not found${code}`;
  return { kind: "rejected", failure: { kind: "rejected", message, rejection: "not-found", upstream } };
}
