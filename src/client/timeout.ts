// Checks how long a caller of the client wants to wait, before grpc-js computes a deadline from it:
// it throws outside of every promise if it cannot, which ends the caller's process.
import { invalidError } from "./ota-error.js";

/** The longest deadline that grpc-js can time: 24.8 days. */
const LONGEST_MS = 2_147_483_000;

/**
 * The gateway's own default. A gateway that is stopped or cut off keeps no deadline, so the client
 * brings one. It leaves time for another replica: keepalive gives up a silent connection after
 * 40 s.
 */
const DEFAULT_MS = 60_000;

/** The timeout to use. Throws OtaError for what is no number. */
export function timeoutOf(timeoutMs: unknown): number {
  if (timeoutMs === undefined) return DEFAULT_MS;
  // A JavaScript caller may pass on anything, for instance an unset variable's NaN.
  if (typeof timeoutMs !== "number" || Number.isNaN(timeoutMs)) {
    const found =
      timeoutMs === null || typeof timeoutMs === "number" ? String(timeoutMs) : `of type ${typeof timeoutMs}`;
    throw invalidError("timeoutMs", `must be a number of milliseconds, is ${found}`);
  }
  return Math.min(Math.max(timeoutMs, 0), LONGEST_MS);
}
