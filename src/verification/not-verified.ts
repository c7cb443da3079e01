// The one way in which it is said that reading back did not tell what became of a task.
import type { Failure } from "../gateway/errors.js";

export function notVerified(message: string, upstream?: Failure["upstream"]): Failure {
  return { kind: "unknown", reason: "NOT_VERIFIED", message, ...(upstream && { upstream }) };
}
