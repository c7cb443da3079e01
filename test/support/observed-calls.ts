// Upstream calls as observers receive them, with default values for everything that a test does not
// care about.
import type { EndedCall, SentCall } from "../../src/gateway/call-observer.js";

export type Ending = Partial<EndedCall> & Pick<EndedCall, "kind">;

const WALL_AT_ZERO_MS = Date.UTC(2026, 0, 1);

export function aSentCall(sentMs: number, more: Partial<SentCall> = {}): SentCall {
  return {
    sentMs,
    sentWallMs: WALL_AT_ZERO_MS + sentMs,
    productKey: "product",
    firmwareId: "firmware",
    jobId: "",
    devices: 200,
    devicesByCaller: new Map([["a", 200]]),
    attempt: 1,
    tokenWaitMs: 0,
    ...more,
  };
}

/** The end of that call, by default after 20 ms. */
export function anEnd({ sentMs }: SentCall, { durationMs = 20, ...ending }: Ending): EndedCall {
  return { endedMs: sentMs + durationMs, durationMs, throttled: false, ours: false, ...ending };
}
