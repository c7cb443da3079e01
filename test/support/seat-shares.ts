// Shares of callers, and the sharing of one call among them, as a scope queue does it.
import type { SeatSharing, Share } from "../../src/gateway/queue/seat-sharing.js";

/** A share before it joins any others. */
export function aShare(caller: string): Share {
  return { caller, weight: 0, from: 0, seats: 0, due: 0, turn: 0, position: -1 };
}

/**
 * Shares out the seats of one call. `take` gives a caller a seat, or returns
 * false if the caller could use none or had no room. `first` has the turn.
 */
export function allot<T extends Share>(
  shares: SeatSharing<T>,
  seats: { readonly left: number },
  take: (share: T) => boolean,
  first?: T,
): void {
  if (first && take(first)) shares.seatedInAdvance(first);
  for (let next = shares.next(seats); next; next = shares.next(seats)) {
    if (take(next)) shares.seated(next);
    else if (seats.left > 0) shares.pass(next);
  }
}
