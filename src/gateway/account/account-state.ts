// Readings of an account at one moment: a short one for callers, a detailed one for the operator.
import type { Priority } from "../command.js";
import type { LedgerState } from "../limiter.js";
import type { Condition } from "./condition.js";

/** The state of the account, for planning and display. */
export interface AccountState {
  readonly ledger: LedgerState;
  /** Each device counts once for each request that waits for it. */
  readonly waitingDevices: number;
  readonly waitingCallers: number;
  /**
   * Time until a new request for one device with normal priority would be sent; Infinity if it
   * cannot be foreseen.
   */
  readonly expectedWaitMs: number;
  /** See Condition. */
  readonly obstacle: string;
  /** Absent if the account is not paused. */
  readonly pausedUntilWallMs?: number;
  /** See CountedOnArrival. Absent if there is no fallback. */
  readonly fallbackUntilWallMs?: number;
}

/** The same in more detail, for the operator. Times are monotonic. */
export interface AccountReading {
  readonly condition: Condition;
  readonly ledger: LedgerState;
  readonly waitingDevices: Readonly<Record<Priority, number>>;
  readonly waitingByCaller: ReadonlyMap<string, number>;
  /** Time until a new request for one device would be sent; Infinity if it cannot be foreseen. */
  readonly expectedWaitMs: Readonly<Record<Priority, number>>;
  /** Arrival of the oldest unanswered request. */
  readonly oldestSinceMs: number | undefined;
  /** Time until what waits for this caller is done; Infinity if it cannot be foreseen. */
  remainingMs(caller: string): number;
}
