// Callers who are all alike.
import type { Callers } from "../../src/gateway/queue/queue.js";

/** Equal weights, and nobody has proved who they are. */
export const EQUAL: Callers = { weightOf: () => 1, creditNameOf: () => "" };
