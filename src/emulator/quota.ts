// The quota of one operation for the whole account: a number of admitted calls in a second. It is
// not documented whether the upstream's second slides or follows its clock, so both are
// implemented. A refused call uses nothing up.
import { LastSecond } from "./last-second.js";

export const QUOTA_WINDOWS = ["sliding", "fixed"] as const;
export type QuotaWindow = (typeof QUOTA_WINDOWS)[number];

type Admission = { readonly admitted: true } | { readonly admitted: false; readonly retryAfterMs: number };

export interface EmulatedQuota {
  /** Admits or refuses a call that arrives at the monotonic `nowMs`. Calls come in order. */
  admit(nowMs: number): Admission;
}

export function createQuota(window: QuotaWindow, callsPerSecond: number): EmulatedQuota {
  return WINDOWS[window](callsPerSecond);
}

const WINDOWS: Readonly<Record<QuotaWindow, (callsPerSecond: number) => EmulatedQuota>> = {
  sliding(callsPerSecond) {
    const admitted = new LastSecond();
    return {
      admit(nowMs) {
        admitted.forget(nowMs);
        if (admitted.size >= callsPerSecond) return refused((admitted.oldestMs ?? nowMs) + 1000 - nowMs);
        admitted.add(nowMs);
        return { admitted: true };
      },
    };
  },
  fixed(callsPerSecond) {
    let second = Number.NEGATIVE_INFINITY;
    let admitted = 0;
    return {
      admit(nowMs) {
        if (Math.floor(nowMs / 1000) !== second) {
          second = Math.floor(nowMs / 1000);
          admitted = 0;
        }
        if (admitted >= callsPerSecond) return refused((second + 1) * 1000 - nowMs);
        admitted++;
        return { admitted: true };
      },
    };
  },
};

function refused(leftMs: number): Admission {
  // Clients ignore a hint of 0, so it is at least one millisecond.
  return { admitted: false, retryAfterMs: Math.max(1, Math.ceil(leftMs)) };
}
