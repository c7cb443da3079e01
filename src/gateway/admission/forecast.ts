// When a call can be expected to start: one estimate, used by admission, by `validate_only` and by every
// hint when to retry. Pure. It knows the tokens, their cycle and the pacing, takes every answer for a
// typical one, and expects withheld tokens to stay withheld.
import type { LedgerState } from "../limiter.js";

/** A token is out for so long after the answer. */
const COOLING_MS = 1000;

/** Starts that are closer than this are not told apart. */
const STEP_MS = 1;

/** The monotonic time at which the `nth` call from now, counted from 0, can be expected to be sent. */
export type Forecast = (nth: number) => number;

/** From one reading of the ledger. What has been asked once is remembered. */
export function forecast(ledger: LedgerState, answerMs: number, nowMs: number): Forecast {
  const cycleMs = COOLING_MS + answerMs;
  const firstUsesMs = firstUses(ledger, answerMs, nowMs);
  const known = new Map<number, number>();
  return (nth) => {
    let startMs = known.get(nth);
    if (startMs === undefined) {
      startMs = startOf(nth, firstUsesMs, cycleMs, nowMs);
      known.set(nth, startMs);
    }
    return startMs;
  };
}

function startOf(nth: number, firstUsesMs: readonly number[], cycleMs: number, nowMs: number): number {
  // Each token goes round by itself: one that was lost for long must not hold up the estimate of the others.
  const sentBy = (timeMs: number) =>
    firstUsesMs.reduce((calls, firstMs) => calls + Math.max(Math.floor((timeMs - firstMs) / cycleMs) + 1, 0), 0);
  let [tooEarlyMs = nowMs] = firstUsesMs;
  if (sentBy(tooEarlyMs) > nth) return tooEarlyMs;
  let lateEnoughMs = (firstUsesMs.at(-1) ?? nowMs) + (Math.floor(nth / firstUsesMs.length) + 1) * cycleMs;
  while (lateEnoughMs - tooEarlyMs > STEP_MS) {
    const middleMs = (tooEarlyMs + lateEnoughMs) / 2;
    if (sentBy(middleMs) > nth) lateEnoughMs = middleMs;
    else tooEarlyMs = middleMs;
  }
  return lateEnoughMs;
}

/** When each token that is not withheld can be used next, in order of time. */
function firstUses(ledger: LedgerState, answerMs: number, nowMs: number): number[] {
  const { callsPerSecond, spaceMs, coolingUntilMs, inFlightSinceMs, withheld, pausedUntilMs } = ledger;
  const soonestMs = Math.max(nowMs, pausedUntilMs);
  const inFlightUntilMs = inFlightSinceMs.map((sinceMs) => Math.max(sinceMs + answerMs, nowMs) + COOLING_MS);
  const back = [...coolingUntilMs, ...inFlightUntilMs];
  const free = Array<number>(Math.max(callsPerSecond - back.length, 0)).fill(soonestMs);
  // Whoever is behind a late call keeps its place, nearly, by half a space; and if there was a call, it may have been late.
  const mayCatchUp = withheld === 0 && ledger.mode !== "opening";
  let pacedMs = mayCatchUp && free.length < callsPerSecond ? soonestMs - spaceMs / 2 : soonestMs;
  const all = [...free, ...back].sort((a, b) => a - b);
  return (
    all
      // Withheld are the first ones: it takes more than that many free ones to send. One is left to find out with.
      .slice(Math.min(withheld, all.length - 1))
      .map((backMs) => {
        const useMs = Math.max(backMs, pacedMs, soonestMs);
        const keepsPlace = mayCatchUp && useMs - pacedMs < COOLING_MS;
        pacedMs = spaceMs + (keepsPlace ? Math.max(pacedMs, useMs - spaceMs / 2) : useMs);
        return useMs;
      })
  );
}
