// How a refused call is told apart when one device in the call may be the reason for all: halve it over
// callers until one is left, then over its devices, and send the halves by themselves. A bad one among
// 200 takes about 16 calls; how many the devices of one refused call may take is bounded.
import type { BatchDevice } from "./batch.js";

/** Calls that one refused call may cost in addition. */
const BUDGET_CALLS = 32;

/** A caller whose devices were refused by themselves is sent alone in that scope for so long. */
export const DEMOTION_MS = 60_000;

/** What is left of the budget, shared by all that descends from one refused call. */
export class Bisection {
  #callsLeft = BUDGET_CALLS;

  /** Reserves the calls of two halves; false if they are not to be had. */
  reserveHalves(): boolean {
    if (this.#callsLeft < 2) return false;
    this.#callsLeft -= 2;
    return true;
  }
}

/** Two halves, by callers if there are several. There must be two devices at least. */
export function halves(devices: readonly BatchDevice[]): [BatchDevice[], BatchDevice[]] {
  const callers = [...new Set(devices.map(callerOf))];
  if (callers.length === 1) {
    const middle = Math.ceil(devices.length / 2);
    return [devices.slice(0, middle), devices.slice(middle)];
  }
  const first = new Set(callers.slice(0, Math.ceil(callers.length / 2)));
  return [
    devices.filter((device) => first.has(callerOf(device))),
    devices.filter((device) => !first.has(callerOf(device))),
  ];
}

/** The only caller in the call; undefined if there are several. */
export function soleCaller(devices: readonly BatchDevice[]): string | undefined {
  const [caller, ...others] = new Set(devices.map(callerOf));
  return others.length === 0 ? caller : undefined;
}

/**
 * While devices are told apart, each belongs to one caller, and to the same one in every call: not to who took
 * it into the call, which changes, or halves of devices that two callers share would be no halves.
 */
function callerOf({ owners }: BatchDevice): string {
  return owners.map(({ waiter }) => waiter.command.caller).sort()[0] ?? "";
}
