// Estimates when calls will start, from the tokens, their cycle and the pacing. It assumes that
// every answer takes the typical time and that withheld tokens stay withheld. Pure, based on
// token-rule.ts.
import type { Forecast, LedgerState } from "../gateway/limiter.js";
import { placeMs, WINDOW_MS } from "./token-rule.js";

/** Starts closer together than this count as simultaneous. */
const STEP_MS = 1;

/** Makes a forecast from one reading of a ledger. It remembers its answers. */
export function forecastOf(ledger: LedgerState, answerMs: number, nowMs: number): Forecast {
  const outForMs = Math.max(answerMs - (ledger.arrived?.hiddenMs ?? 0), 0);
  const cycleMs = WINDOW_MS + outForMs;
  const firstUsesMs = firstUses(ledger, outForMs, nowMs);
  const known = new Map<number, number>();
  return (nth) => {
    const startMs = known.get(nth) ?? startOf(nth, firstUsesMs, cycleMs, nowMs);
    known.set(nth, startMs);
    return startMs;
  };
}

function startOf(nth: number, firstUsesMs: readonly number[], cycleMs: number, nowMs: number): number {
  // Each token has its own cycle: one that is out for long must not delay the estimate for the
  // others.
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

/** When each token that is not withheld can next be used, in order of time. */
function firstUses(ledger: LedgerState, answerMs: number, nowMs: number): number[] {
  const { callsPerSecond, spaceMs, coolingUntilMs, inFlightSinceMs, withheld, pausedUntilMs } = ledger;
  const soonestMs = Math.max(nowMs, pausedUntilMs);
  const inFlightUntilMs = inFlightSinceMs.map((sinceMs) => Math.max(sinceMs + answerMs, nowMs) + WINDOW_MS);
  const back = [...coolingUntilMs, ...inFlightUntilMs];
  const free = Array<number>(Math.max(callsPerSecond - back.length, 0)).fill(soonestMs);
  const catchesUp = withheld === 0 && ledger.mode !== "opening";
  // If there was a call, the next may already be late.
  let dueMs = catchesUp && back.length > 0 ? soonestMs - spaceMs / 2 : soonestMs;
  const all = [...free, ...back].sort((a, b) => a - b);
  // The first ones are withheld, because sending requires more free tokens than that. One is always
  // left in use.
  return all.slice(Math.min(withheld, all.length - 1)).map((backMs) => {
    const useMs = Math.max(backMs, dueMs, soonestMs);
    dueMs = spaceMs + (catchesUp ? placeMs(dueMs, useMs, spaceMs) : useMs);
    return useMs;
  });
}
