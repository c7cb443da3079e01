// Infers from a few bursts how the upstream measures its second. Each round sends the whole quota
// at once, and one more call before the second is over; the rounds begin at different places in a
// second. A way to measure is ruled out if it would have answered differently. A call counts at
// some moment between its sending and its answer, and the two sides share no clock.
import type { QuotaWindow } from "../../emulator/quota.js";
import type { Times } from "./wire.js";

/** One burst of as many calls as the quota allows, all admitted, and the call after it. */
export interface Round {
  readonly burst: readonly Times[];
  readonly late: Times & { readonly admitted: boolean };
}

export type WindowVerdict = QuotaWindow | "neither" | "either";

/** Where in a second, to the millisecond, the boundary of a fixed second could be. */
const PLACES: readonly number[] = Array.from({ length: 1000 }, (_, ms) => ms);

/** `neither`: both are ruled out. `either`: neither is. */
export function windowOf(rounds: readonly Round[]): WindowVerdict {
  const sliding = rounds.every(canSlide);
  const fixed = PLACES.some((place) => rounds.every((round) => canBeCutAt(place, round)));
  if (sliding) return fixed ? "either" : "sliding";
  return fixed ? "fixed" : "neither";
}

/**
 * A sliding second admits the late call only if a call of the burst may have left it, and refuses
 * it only if one may still be in it.
 */
function canSlide(round: Round): boolean {
  if (isVain(round)) return true;
  const { burst, late } = round;
  const firstSentMs = Math.min(...burst.map(({ sentMs }) => sentMs));
  return late.admitted ? late.answeredMs - firstSentMs >= 1000 : late.sentMs - earliestCertain(burst) < 1000;
}

/**
 * A fixed second refuses the late call only if it holds the whole burst too, with no boundary in
 * between, and admits it only if there may be one.
 */
function canBeCutAt(place: number, round: Round): boolean {
  if (isVain(round)) return true;
  const { burst, late } = round;
  const firstSentMs = Math.min(...burst.map(({ sentMs }) => sentMs));
  return late.admitted
    ? boundaryWithin(place, firstSentMs, late.answeredMs)
    : !boundaryWithin(place, earliestCertain(burst), late.sentMs);
}

/** An admission says nothing if a call of the burst may have been counted after it. */
function isVain({ burst, late }: Round): boolean {
  return late.admitted && burst.some(({ answeredMs }) => answeredMs > late.sentMs);
}

/** The first call of the burst was counted by then. */
function earliestCertain(burst: readonly Times[]): number {
  return Math.min(...burst.map(({ answeredMs }) => answeredMs));
}

function boundaryWithin(place: number, fromMs: number, toMs: number): boolean {
  const firstMs = Math.ceil((fromMs - place) / 1000) * 1000 + place;
  return firstMs <= toMs;
}
