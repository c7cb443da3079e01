// Callers that are all alike.
import type { Callers } from "../../src/gateway/queue/scheduler.js";

/** Equal weights, and no proved identity. */
export const EQUAL: Callers = { weightOf: () => 1, creditNameOf: () => "" };
