// Finds the device at fault when a call was refused because of one of its devices: the batch is halved by callers
// until one is left, then by that caller's devices, and the halves are sent by themselves. One bad device among 200
// takes about 16 calls. How many calls the devices of one refused call may take is bounded.
import type { BatchDevice } from "./batch.js";

/** The number of further calls that one refused call may cost. */
const BUDGET_CALLS = 32;

/** How long a caller is sent alone in a scope after its devices were refused by themselves. */
export const DEMOTION_MS = 60_000;

/** What is left of the budget, shared by all parts of one refused call. */
export class Bisection {
  #callsLeft = BUDGET_CALLS;

  /** Reserves a call for each of two halves; false if the budget does not allow it. */
  reserveHalves(): boolean {
    if (this.#callsLeft < 2) return false;
    this.#callsLeft -= 2;
    return true;
  }
}

/** Two halves, by callers if there are several. There must be at least two devices. */
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
 * The caller that a device counts for while a batch is halved: the same one in every call. The one that took it into
 * the call would not do, because it changes, and halves of devices that two callers share would be no halves.
 */
function callerOf({ owners }: BatchDevice): string {
  return owners.map(({ waiter }) => waiter.command.caller).sort()[0] ?? "";
}
