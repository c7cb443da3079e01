// Estimates when a call can be expected to start. It knows the tokens, their cycle and the pacing, takes every answer
// for a typical one, and expects withheld tokens to stay withheld. Pure, on the arithmetic of rule.ts.
import type { Forecast, LedgerState } from "../gateway/limiter.js";
import { placeMs, WINDOW_MS } from "./rule.js";

/** Starts closer together than this are not told apart. */
const STEP_MS = 1;

/** The forecast from one reading of a ledger. What it was asked once, it remembers. */
export function forecastOf(ledger: LedgerState, answerMs: number, nowMs: number): Forecast {
  const cycleMs = WINDOW_MS + answerMs;
  const firstUsesMs = firstUses(ledger, answerMs, nowMs);
  const known = new Map<number, number>();
  return (nth) => {
    const startMs = known.get(nth) ?? startOf(nth, firstUsesMs, cycleMs, nowMs);
    known.set(nth, startMs);
    return startMs;
  };
}

function startOf(nth: number, firstUsesMs: readonly number[], cycleMs: number, nowMs: number): number {
  // Each token has its own cycle: one that is lost for long must not hold up the estimate of the others.
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
  const inFlightUntilMs = inFlightSinceMs.map((sinceMs) => Math.max(sinceMs + answerMs, nowMs) + WINDOW_MS);
  const back = [...coolingUntilMs, ...inFlightUntilMs];
  const free = Array<number>(Math.max(callsPerSecond - back.length, 0)).fill(soonestMs);
  const catchesUp = withheld === 0 && ledger.mode !== "opening";
  // If there was a call, the next may be late already.
  let dueMs = catchesUp && back.length > 0 ? soonestMs - spaceMs / 2 : soonestMs;
  const all = [...free, ...back].sort((a, b) => a - b);
  // The first ones are withheld: it takes more free tokens than that to send. One is left to find out with.
  return all.slice(Math.min(withheld, all.length - 1)).map((backMs) => {
    const useMs = Math.max(backMs, dueMs, soonestMs);
    dueMs = spaceMs + (catchesUp ? placeMs(dueMs, useMs, spaceMs) : useMs);
    return useMs;
  });
}
