import type { Vessel } from "../../src/gateway/queue/seat-sharing.js";

/** Before it joins anybody. */
export function aVessel(caller: string): Vessel {
  return { caller, weight: 0, from: 0, seats: 0, due: 0, turn: 0, position: -1 };
}
