// What the page is told, four times a second: plain JSON, all of it each time. Times are in the gateway's
// wall clock, or in milliseconds from now, so that the browser's clock need not be right.
import type { Priority } from "../../gateway/command.js";
import type { LedgerMode } from "../../gateway/limiter.js";

/** Whether requests should be sent to this gateway. `opening`: they are taken and wait. */
export type Readiness = "ok" | "degraded" | "opening" | "away" | "draining";

/** The gateway as it stands. Must be cheap: it is asked four times a second while somebody looks. */
export type SnapshotSource = () => Snapshot;

export interface Snapshot {
  /** When it was taken. */
  readonly wallMs: number;
  readonly readiness: Readiness;
  readonly accounts: readonly AccountSnapshot[];
}

export interface AccountSnapshot {
  readonly name: string;
  readonly words: AccountWords;
  readonly mode: LedgerMode;
  readonly tokens: TokenCounts;
  readonly pace: ShownPace;
  readonly waiting: Waiting;
  /** Nothing is sent for so long; 0 if the account is not paused. */
  readonly pausedForMs: number;
  readonly throttles: Throttles;
  readonly totals: Totals;
  /** Newest first: the last 20 of all, and the last 10 of those that ended otherwise than accepted. */
  readonly calls: readonly CallSnapshot[];
}

/** `good`: nothing to do. `wait`: it passes by itself. `bad`: somebody should look. */
export type Tone = "good" | "wait" | "bad";

/** What the numbers mean, in sentences that change only when the state does. */
export interface AccountWords {
  readonly tone: Tone;
  /** Two or three words. */
  readonly state: string;
  readonly meaning: string;
  readonly ledger: string;
  /** Who else uses the account, as far as can be told. */
  readonly others: string;
}

/** The four kinds add up to `limit`. */
export interface TokenCounts {
  readonly limit: number;
  readonly free: number;
  readonly inFlight: number;
  readonly cooling: number;
  readonly withheld: number;
}

/** How fast calls and devices went out. */
export interface ShownPace {
  readonly callsLastSecond: number;
  readonly mostCallsInASecond: number;
  readonly devicesLastSecond: number;
  /** For each of the last 60 whole seconds and the one that has begun, oldest first. */
  readonly calls: readonly number[];
  readonly devices: readonly number[];
}

export interface Waiting {
  readonly devices: number;
  readonly callers: number;
  /** How long the oldest request has not been answered; absent if there is none, or it is not known. */
  readonly oldestMs?: number;
  readonly classes: Readonly<Record<Priority, ClassSnapshot>>;
  /** Those with most devices waiting, then with most sent; at most ten. */
  readonly topCallers: readonly CallerSnapshot[];
  readonly otherCallers: { readonly callers: number; readonly devices: number; readonly sentLastMinute: number };
}

export interface ClassSnapshot {
  readonly devices: number;
  /** Until a new request of one device would be sent; absent if that cannot be told. */
  readonly expectedWaitMs?: number;
}

export interface CallerSnapshot {
  readonly caller: string;
  /** Devices. */
  readonly waiting: number;
  readonly sentLastMinute: number;
  /**
   * Until everything it waits for can be expected to be done; absent if it waits for nothing, or that cannot be told.
   */
  readonly doneInMs?: number;
}

export interface Throttles {
  readonly total: number;
  readonly lastMinute: number;
  readonly lastWallMs?: number;
}

/** Since the gateway started. */
export interface Totals {
  readonly calls: Readonly<Record<ShownResult, number>>;
  /** Devices of calls that were accepted. */
  readonly devicesAccepted: number;
}

/** How a call ended. `throttled` is a refusal too, for rate. */
export type ShownResult = "accepted" | "refused" | "throttled" | "lost" | "unwritten";

export interface CallSnapshot {
  /** Counts up from 1. */
  readonly number: number;
  readonly sentWallMs: number;
  readonly devices: number;
  /** Those with most devices in the call, at most three, and how many more there are. */
  readonly callers: readonly { readonly caller: string; readonly devices: number }[];
  readonly otherCallers: number;
  readonly productKey: string;
  readonly firmwareId: string;
  readonly jobId: string;
  readonly attempt: number;
  /** Absent while it is under way. */
  readonly result?: ShownResult;
  readonly durationMs?: number;
  readonly requestId?: string;
  /** The upstream's code, or why there is none. */
  readonly code?: string;
}
