// How an account stands at a moment, as it is told to callers and to the operator.
import type { Priority } from "./command.js";
import type { LedgerState } from "./limiter.js";

/** A reading of the account, for planning and display. */
export interface AccountState {
  readonly ledger: LedgerState;
  /** Counted once for each request. */
  readonly waitingDevices: number;
  readonly waitingCallers: number;
  /** Until a new request of one device and normal priority would be sent. */
  readonly expectedWaitMs: number;
  /** Absent if the account is not paused. */
  readonly pausedUntilWallMs?: number;
}

/** The same in more detail, for the operator. Times are monotonic. */
export interface AccountReading {
  readonly ledger: LedgerState;
  readonly waitingDevices: Readonly<Record<Priority, number>>;
  readonly waitingByCaller: ReadonlyMap<string, number>;
  /** Until a new request of one device would be sent. */
  readonly expectedWaitMs: Readonly<Record<Priority, number>>;
  /** When the oldest request that has no answer yet arrived. */
  readonly oldestSinceMs: number | undefined;
  remainingMs(caller: string): number;
}
