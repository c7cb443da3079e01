// Finds the device that caused a call to be refused. The batch is halved by callers until one
// caller is left, then by that caller's devices; each half is sent separately. One bad device among
// 200 takes about 16 calls. The number of calls for one refused call is limited.
import type { BatchDevice } from "./batch.js";

/** The maximum number of further calls for one refused call. */
const BUDGET_CALLS = 32;

/** How long a caller is sent alone in a scope, after a call with only its devices was refused. */
export const DEMOTION_MS = 60_000;

/** The remaining budget, shared by all parts of one refused call. */
export class Bisection {
  #callsLeft = BUDGET_CALLS;

  /** Reserves one call for each of two halves. Returns false if the budget is exhausted. */
  reserveHalves(): boolean {
    if (this.#callsLeft < 2) return false;
    this.#callsLeft -= 2;
    return true;
  }
}

/** Splits a batch of at least two devices in halves, by callers if there are several. */
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
 * The caller that a device counts for during the bisection: the same one in every call. The caller
 * that brought the device into the call changes from call to call, and then devices shared by two
 * callers would not be halved.
 */
function callerOf({ owners }: BatchDevice): string {
  return owners.map(({ waiter }) => waiter.command.caller).sort()[0] ?? "";
}
