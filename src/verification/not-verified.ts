// The failure for devices whose result could not be learned by reading their task back.
import type { Failure } from "../gateway/failures.js";

export function notVerified(message: string, upstream?: Failure["upstream"]): Failure {
  return { kind: "unknown", reason: "NOT_VERIFIED", message, ...(upstream && { upstream }) };
}
