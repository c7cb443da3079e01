import type { Share } from "../../src/gateway/queue/seat-sharing.js";

/** A share before it joins any others. */
export function aShare(caller: string): Share {
  return { caller, weight: 0, from: 0, seats: 0, due: 0, turn: 0, position: -1 };
}
