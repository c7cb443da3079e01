// Infers from the bursts whether the upstream counts a call when it arrives. A throttled call that
// is refused without the work of an admitted one was counted before that work.
import type { Round } from "./window.js";
import type { Times } from "./wire.js";

export type CountedVerdict = "arrived" | "answered" | "unclear";

/** With less work in a call, the times are too close to tell. */
const LEAST_WORK_MS = 20;

/** `roundTripMs`: the least time that the way there and back takes. */
export function countedOf(rounds: readonly Round[], roundTripMs: number | undefined): CountedVerdict {
  if (roundTripMs === undefined) return "unclear";
  const admitted = rounds.flatMap(({ burst }) => burst);
  const throttled = rounds.flatMap(({ late }) => (late.admitted ? [] : late));
  const workMs = leastOf(admitted) - roundTripMs;
  if (workMs < LEAST_WORK_MS || throttled.length === 0) return "unclear";
  return leastOf(throttled) - roundTripMs < workMs / 2 ? "arrived" : "answered";
}

function leastOf(times: readonly Times[]): number {
  return Math.min(...times.map(({ sentMs, answeredMs }) => answeredMs - sentMs));
}
