// What callers want of the seats of one call, and what each of them gets.
import type { Line } from "./line.js";
import { maxMin, type Share, type Want } from "./max-min.js";
import type { Place } from "./place.js";
import type { Room } from "./upstream.js";

/** What a call is filled by, beside who waits. */
export interface Boarding {
  readonly room: Room;
  readonly weightOf: (caller: string) => number;
  readonly mayBoard: (place: Place) => boolean;
}

/** Owed a seat, before all who are owed almost one. */
const A_SEAT = 1.000_001;

/** What one caller waits for in one class. */
export interface Berth {
  readonly line: Line<Place>;
  /** Of a seat, from calls before: see max-min.ts. */
  owed: number;
}

/**
 * What each caller wants of so many seats. It is counted no further than their share can reach, or a caller
 * with ten thousand small requests would be counted through for every call.
 */
export function wantsOf(berths: Map<string, Berth>, seats: number, { weightOf, mayBoard }: Boarding) {
  for (let level = 2; ; level *= 2) {
    let enough = 0;
    let isWhole = true;
    const wants: (Want & { readonly caller: string; readonly berth: Berth })[] = [];
    for (const [caller, berth] of berths) {
      const weight = weightOf(caller);
      const limit = Math.min(Math.ceil(level * weight) + 1, seats);
      const wanted = waiting(berth.line, limit, mayBoard);
      if (wanted > 0) wants.push({ caller, berth, seats: wanted, weight, owed: berth.owed });
      enough += Math.min(wanted, Math.max(Math.floor(level * weight) - 1, 0));
      isWhole &&= wanted < limit || limit === seats;
    }
    // At this level, rounded down and with a seat owed the wrong way, there would be no seat left.
    if (enough >= seats || isWhole) return wants;
  }
}

/** The shares, of which that of `turn` is a seat at least: with more callers than seats it could be none. */
export function sharesOf(wants: readonly Want[], seats: number, turn: number): Share[] {
  const shares = maxMin(wants, seats);
  const [want, share] = [wants[turn], shares[turn]];
  if (!want || share?.seats !== 0) return shares;
  // A seat in advance, and no more than that, so that over many calls nobody has more for it.
  const advance = { seats: 1, owed: Math.max(share.owed - 1, -1) };
  return maxMin(wants.with(turn, { ...want, seats: 1, owed: A_SEAT }), seats).with(turn, advance);
}

/** How many devices of a line may board, as far as it matters. */
function waiting(line: Line<Place>, limit: number, mayBoard: (place: Place) => boolean): number {
  let devices = 0;
  for (const place of line) {
    if (devices >= limit) break;
    if (mayBoard(place)) devices += place.waiting;
  }
  return Math.min(devices, limit);
}
