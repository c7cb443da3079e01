// The data that the page receives four times a second: plain JSON, always complete. Times are on
// the gateway's wall clock or in milliseconds from now, so the browser's clock need not be right.
import type { Priority } from "../../gateway/command.js";
import type { LedgerMode } from "../../gateway/limiter.js";

/**
 * Whether to send requests to this gateway. `opening`: requests are accepted, and wait. `unproven`:
 * since the start, the upstream has not answered a call and accepted its keys.
 */
export type Readiness = "ok" | "degraded" | "unproven" | "opening" | "away" | "draining";

/** Makes a snapshot. Must be cheap: it is called four times a second while a page is open. */
export type SnapshotSource = () => Snapshot;

export interface Snapshot {
  /** When the snapshot was taken. */
  readonly wallMs: number;
  readonly readiness: Readiness;
  readonly about: About;
  readonly accounts: readonly AccountSnapshot[];
  /** Absent while there is no store of operations. */
  readonly operations?: OperationsSnapshot;
}

/** The process that answers. */
export interface About {
  /** The name of the machine or pod. */
  readonly instance: string;
  readonly version: string;
  readonly startedWallMs: number;
}

/** Of all accounts and, with a shared store, of all replicas. */
export interface OperationsSnapshot {
  readonly readWallMs: number;
  /** The store could not be read since. */
  readonly isStale: boolean;
  /** Newest first. */
  readonly open: readonly OperationSnapshot[];
  /** Open operations that are not listed. */
  readonly moreOpen: number;
  readonly ended: readonly OperationSnapshot[];
}

export interface OperationSnapshot {
  readonly id: string;
  readonly kind: "cancel-list" | "stop-rollout";
  readonly caller: string;
  readonly account: string;
  readonly productKey: string;
  readonly firmwareId: string;
  readonly jobId: string;
  /** `held`: found in a restored copy of the store. */
  readonly state: "running" | "stopping" | "held" | "done" | "stopped" | "expired";
  readonly createWallMs: number;
  /** Absent while it runs. */
  readonly endWallMs?: number;
  readonly devices: number;
  readonly waiting: number;
  readonly failed: number;
  /** Absent if unknown. */
  readonly remainingMs?: number;
  /** Of a stop, once something of it was recorded; so are the next two. */
  readonly step?: string;
  readonly batches?: readonly BatchSnapshot[];
  readonly moreBatches?: number;
  /** Of a stop that has its report. */
  readonly isRolloutStopped?: boolean;
  readonly obstacle: string;
  readonly failure: string;
}

/** One batch of a stop. */
export interface BatchSnapshot {
  readonly jobId: string;
  /** Tasks in open states before the stop. */
  readonly openBefore: number;
  /** Tasks in the asked-for states at the last count; absent before it. */
  readonly left?: number;
  readonly failure: string;
}

export interface AccountSnapshot {
  readonly name: string;
  readonly words: AccountWords;
  readonly mode: LedgerMode;
  readonly tokens: TokenCounts;
  readonly pace: ShownPace;
  readonly waiting: Waiting;
  /** How much longer nothing is sent; 0 if the account is not paused. */
  readonly pausedForMs: number;
  readonly throttles: Throttles;
  readonly totals: Totals;
  /** Calls that were not accepted, by code and caller; the latest first, at most ten. */
  readonly refusals: readonly RefusalSnapshot[];
  /** The operations that read, and those on whole batches, each with a ledger of its own. */
  readonly readings: readonly ReadingSnapshot[];
  /** Newest first: the last 20 calls, and the last 10 that were not accepted. */
  readonly calls: readonly CallSnapshot[];
}

export interface RefusalSnapshot {
  /** The upstream's code, or why there was no answer. */
  readonly code: string;
  readonly caller: string;
  readonly calls: number;
  readonly devices: number;
  readonly lastWallMs: number;
}

export interface ReadingSnapshot {
  readonly operation: string;
  readonly mode: LedgerMode;
  readonly limit: number;
  readonly callsLastMinute: number;
  readonly accepted: number;
  readonly notAccepted: number;
  /** Of the last call that was not accepted. */
  readonly lastCode?: string;
}

/** `good`: nothing to do. `wait`: it passes by itself. `bad`: an operator should look. */
export type Tone = "good" | "wait" | "bad";

/** The meaning of the numbers, in sentences that change only when the state changes. */
export interface AccountWords {
  readonly tone: Tone;
  /** Two or three words. */
  readonly state: string;
  readonly meaning: string;
  readonly ledger: string;
  /** Whether other programs seem to use the account. */
  readonly others: string;
}

/** Tokens by state. The four states add up to `limit`. */
export interface TokenCounts {
  readonly limit: number;
  readonly free: number;
  readonly inFlight: number;
  readonly cooling: number;
  readonly withheld: number;
}

/** Rates of calls and devices: calls when they are sent, accepted devices when their call ends. */
export interface ShownPace {
  readonly callsLastSecond: number;
  readonly mostCallsInASecond: number;
  readonly acceptedLastSecond: number;
  readonly notAcceptedLastSecond: number;
  /** One for each of the last 60 whole seconds and the current one, oldest first. */
  readonly calls: readonly number[];
  readonly devices: readonly number[];
  readonly accepted: readonly number[];
  readonly notAccepted: readonly number[];
}

export interface Waiting {
  readonly devices: number;
  readonly callers: number;
  /** How long the oldest unanswered request has waited; absent if there is none, or if unknown. */
  readonly oldestMs?: number;
  readonly classes: Readonly<Record<Priority, ClassSnapshot>>;
  /** At most ten: those with most devices waiting, then those with most devices sent. */
  readonly topCallers: readonly CallerSnapshot[];
  readonly otherCallers: { readonly callers: number; readonly devices: number; readonly sentLastMinute: number };
}

export interface ClassSnapshot {
  readonly devices: number;
  /** Time until a new request for one device would be sent; absent if unknown. */
  readonly expectedWaitMs?: number;
}

export interface CallerSnapshot {
  readonly caller: string;
  /** Number of devices. */
  readonly waiting: number;
  readonly sentLastMinute: number;
  /** Expected time until all its devices are done; absent if nothing waits, or if unknown. */
  readonly doneInMs?: number;
  /** More of its devices are coming: it has a stream that has not been read to its end. */
  readonly isMoreToCome?: true;
}

export interface Throttles {
  readonly total: number;
  readonly lastMinute: number;
  readonly lastWallMs?: number;
}

/** Counts since the gateway started. */
export interface Totals {
  readonly calls: Readonly<Record<ShownResult, number>>;
  /** Devices in accepted calls. */
  readonly devicesAccepted: number;
}

/** How a call ended. `throttled`: refused for rate. */
export type ShownResult = "accepted" | "refused" | "throttled" | "lost" | "unwritten";

export interface CallSnapshot {
  /** Counts up from 1. */
  readonly number: number;
  readonly sentWallMs: number;
  readonly devices: number;
  /** At most three callers, those with most devices in the call; `otherCallers` counts the rest. */
  readonly callers: readonly { readonly caller: string; readonly devices: number }[];
  readonly otherCallers: number;
  readonly productKey: string;
  readonly firmwareId: string;
  readonly jobId: string;
  readonly attempt: number;
  /** Absent while the call is in flight. */
  readonly result?: ShownResult;
  readonly durationMs?: number;
  readonly requestId?: string;
  /** The upstream's code, or why there is none. */
  readonly code?: string;
}
