// When a call can be expected to start: one estimate, used by admission, by `validate_only` and by every
// hint when to retry. Pure. It knows the tokens, their cycle and the pacing, and takes every answer for
// a typical one.
import type { LedgerState } from "./limiter.js";

/** A token is out for so long after the answer. */
const COOLING_MS = 1000;

/** The monotonic time at which the `nth` call from now, counted from 0, can be expected to be sent. */
export function expectedStartMs(ledger: LedgerState, answerMs: number, nth: number, nowMs: number): number {
  const { callsPerSecond, coolingUntilMs, inFlightSinceMs, withheld, pausedUntilMs } = ledger;
  const back = [
    ...coolingUntilMs.map((untilMs) => Math.max(untilMs, nowMs)),
    ...inFlightSinceMs.map((sinceMs) => Math.max(sinceMs + answerMs, nowMs) + COOLING_MS),
  ];
  const free = Array<number>(Math.max(callsPerSecond - back.length, 0)).fill(nowMs);
  // Withheld tokens are not used: the first ones, because it takes more than that many free ones to send.
  const usable = [...free, ...back].sort((a, b) => a - b).slice(withheld);
  const firstMs = Math.max(usable[0] ?? nowMs, pausedUntilMs);
  const round = Math.floor(nth / usable.length);
  const tokenMs = (usable[nth % usable.length] ?? nowMs) + round * (COOLING_MS + answerMs);
  const pacedMs = firstMs + (nth * 1000) / callsPerSecond;
  return Math.max(tokenMs, pacedMs);
}
