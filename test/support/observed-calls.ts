// Upstream calls as observers are told of them, with what a test does not care about filled in.
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

/** How that call ended: after 20 ms if it is not said. */
export function anEnd({ sentMs }: SentCall, { durationMs = 20, ...ending }: Ending): EndedCall {
  return { endedMs: sentMs + durationMs, durationMs, throttled: false, ours: false, ...ending };
}
