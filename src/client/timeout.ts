// Checks how long a caller of the client wants to wait, before grpc-js computes a deadline from it:
// it throws outside of every promise if it cannot, which ends the caller's process.
import { invalidError } from "./ota-error.js";

/** The longest deadline that grpc-js can time: 24.8 days. */
const LONGEST_MS = 2_147_483_000;

/** The timeout to use; undefined if there is none. Throws OtaError for what is no number. */
export function timeoutOf(timeoutMs: unknown): number | undefined {
  if (timeoutMs === undefined) return undefined;
  // A JavaScript caller may pass on anything, for instance an unset variable's NaN.
  if (typeof timeoutMs !== "number" || Number.isNaN(timeoutMs)) {
    const found =
      timeoutMs === null || typeof timeoutMs === "number" ? String(timeoutMs) : `of type ${typeof timeoutMs}`;
    throw invalidError("timeoutMs", `must be a number of milliseconds, is ${found}`);
  }
  return Math.min(Math.max(timeoutMs, 0), LONGEST_MS);
}
