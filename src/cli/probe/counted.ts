// Infers from the bursts whether the upstream counts a call when it arrives. A throttled call that
// is refused without the work of an admitted one was counted before that work. A machine that is
// too busy makes calls look longer, so each took between what it seems and that less the hold-ups.
import type { Round } from "./window.js";
import type { Times } from "./wire.js";

/** `held-up`: this machine was too busy to time the answers. */
export type CountedVerdict = "arrived" | "answered" | "unclear" | "held-up";

/** With less work in a call, the times are too close to tell. */
const LEAST_WORK_MS = 20;

/**
 * `roundTripMs`: the least time that the way there and back takes. `heldUpMs`: how much of the time
 * of a call this process may have been held up.
 */
export function countedOf(
  rounds: readonly Round[],
  roundTripMs: number | undefined,
  heldUpMs: (call: Times) => number,
): CountedVerdict {
  if (roundTripMs === undefined) return "unclear";
  const admitted = rounds.flatMap(({ burst }) => burst);
  const throttled = rounds.flatMap(({ late }) => (late.admitted ? [] : late));
  const mostMs = (calls: readonly Times[]) => leastOf(calls, () => 0) - roundTripMs;
  const leastMs = (calls: readonly Times[]) => leastOf(calls, heldUpMs) - roundTripMs;
  if (mostMs(admitted) < LEAST_WORK_MS || throttled.length === 0) return "unclear";
  if (mostMs(throttled) < leastMs(admitted) / 2) return "arrived";
  return leastMs(throttled) >= mostMs(admitted) / 2 ? "answered" : "held-up";
}

function leastOf(calls: readonly Times[], lessMs: (call: Times) => number): number {
  return Math.min(...calls.map((call) => call.answeredMs - call.sentMs - lessMs(call)));
}
