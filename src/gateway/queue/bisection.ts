// How a refused call is told apart when one device on board may be the reason for all: halve it over
// callers until one is left, then over its devices, and send the halves by themselves. A bad one among
// 200 takes about 16 calls; how many the devices of one refused call may take is bounded.
import type { Seat } from "./batch.js";

/** Calls that one refused call may cost in addition. */
const BUDGET_CALLS = 32;

/** A caller whose devices were refused by themselves rides alone in that scope for so long. */
export const DEMOTION_MS = 60_000;

/** What is left of the budget, shared by all that descends from one refused call. */
export class Isolation {
  #callsLeft = BUDGET_CALLS;

  /** Reserves the calls of two halves; false if they are not to be had. */
  reserveHalves(): boolean {
    if (this.#callsLeft < 2) return false;
    this.#callsLeft -= 2;
    return true;
  }
}

/** Two halves, by callers if there are several. There must be two devices at least. */
export function halves(seats: readonly Seat[]): [Seat[], Seat[]] {
  const callers = [...new Set(seats.map(callerOf))];
  if (callers.length === 1) {
    const middle = Math.ceil(seats.length / 2);
    return [seats.slice(0, middle), seats.slice(middle)];
  }
  const first = new Set(callers.slice(0, Math.ceil(callers.length / 2)));
  return [seats.filter((seat) => first.has(callerOf(seat))), seats.filter((seat) => !first.has(callerOf(seat)))];
}

/** The only caller on board; undefined if there are several. */
export function soleCaller(seats: readonly Seat[]): string | undefined {
  const [caller, ...others] = new Set(seats.map(callerOf));
  return others.length === 0 ? caller : undefined;
}

/**
 * While devices are told apart, each belongs to one caller, and to the same one in every call: not to who took
 * it on board, which changes, or halves of devices that two callers share would be no halves.
 */
function callerOf({ owners }: Seat): string {
  return owners.map(({ waiter }) => waiter.command.caller).sort()[0] ?? "";
}
