// How the upstream's second is cut, told from a few bursts. Each round sends the whole quota at once, and one call
// more before the second is over; the rounds begin at different places in a second. What was seen is held against
// every way in which the second could be cut, and one that would have answered otherwise is ruled out. A call counts
// at some moment between being sent and being answered, and no clock is shared.
import type { QuotaWindow } from "../../emulator/quota.js";
import type { Times } from "./wire.js";

/** One burst of as many calls as the quota allows, all of them let in, and the call that came after. */
export interface Round {
  readonly burst: readonly Times[];
  readonly late: Times & { readonly admitted: boolean };
}

export type WindowVerdict = QuotaWindow | "neither" | "either";

/** Where in a second, to the millisecond, the boundary of a fixed one could be. */
const PLACES: readonly number[] = Array.from({ length: 1000 }, (_, ms) => ms);

/** `neither`: both are ruled out. `either`: neither is. */
export function windowOf(rounds: readonly Round[]): WindowVerdict {
  const sliding = rounds.every(canSlide);
  const fixed = PLACES.some((place) => rounds.every((round) => canBeCutAt(place, round)));
  if (sliding) return fixed ? "either" : "sliding";
  return fixed ? "fixed" : "neither";
}

/**
 * A sliding second lets the late call in only if a call of the burst may have left it; it refuses it only if one may
 * not have.
 */
function canSlide(round: Round): boolean {
  if (isVain(round)) return true;
  const { burst, late } = round;
  const firstSentMs = Math.min(...burst.map(({ sentMs }) => sentMs));
  return late.admitted ? late.answeredMs - firstSentMs >= 1000 : late.sentMs - earliestCertain(burst) < 1000;
}

/**
 * A fixed second refuses the late call only if it holds the whole burst too, so that no boundary lies between; it
 * lets it in only if one may.
 */
function canBeCutAt(place: number, round: Round): boolean {
  if (isVain(round)) return true;
  const { burst, late } = round;
  const firstSentMs = Math.min(...burst.map(({ sentMs }) => sentMs));
  return late.admitted
    ? boundaryWithin(place, firstSentMs, late.answeredMs)
    : !boundaryWithin(place, earliestCertain(burst), late.sentMs);
}

/** That a call was let in says nothing if a call of the burst may have been counted after it. */
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
