// The seam to the ledger of tokens: leave to make one upstream call, and its way back. A token is out
// from just before a call is sent until one second after its answer; that is why a sent call is never
// aborted for a caller's sake, and why every token taken must be settled exactly once.
import type { Priority } from "./command.js";

/** The account's share of the upstream's quota. */
export interface Limiter {
  /**
   * Resolves with a token once the quota, pacing and pauses allow a call to start. Who shares a process is
   * served in the order of coming. Rejects with the signal's reason if it aborts first; nothing is taken then.
   */
  take(wish: Wish, signal: AbortSignal): Promise<Token>;
  /** How the ledger stands now. */
  state(): LedgerState;
  /** Lets go of timers and connections. Takes under way reject. */
  close(): Promise<void>;
}

/** What the taker wants a token for. */
export interface Wish {
  /** The highest class that waits: replicas that share a ledger take turns by it. */
  readonly priority: Priority;
  /** A scope that has sent nothing for a second is waiting: it need not wait for pacing while more than half the tokens are free. */
  readonly newcomer: boolean;
}

/** Leave to make one call. */
export interface Token {
  /** Granted ahead of pacing: only for a scope that has sent nothing for a second. */
  readonly newcomer: boolean;
  /** To be called right before sending. False if the grant is too old to be used; it has been given back then. */
  send(): boolean;
  /** To be called once, when the call has ended; with `unwritten`, also for a token that is not needed. */
  settle(end: TokenEnd): void;
}

/** How the call ended, as far as its token is concerned. */
export type TokenEnd =
  /** An answer that carries a RequestId: back one second later. */
  | { readonly kind: "answered" }
  /** The same, refused for rate: the account pauses as well. */
  | { readonly kind: "throttled"; readonly retryAfterMs?: number }
  /** Nothing was written: back at once. */
  | { readonly kind: "unwritten" }
  /** Anything else: back when nothing of the call can still be travelling. */
  | { readonly kind: "lost" };

/**
 * Where the tokens are: here, or in a store that replicas share. `opening`: all of them are out until nothing can
 * still be travelling of what was sent before the ledger began; `away`: the store cannot be reached.
 */
export type LedgerMode = "in-process" | "shared" | "opening" | "away";

/** A reading of the ledger, for estimates and display. Times are monotonic. */
export interface LedgerState {
  readonly mode: LedgerMode;
  /** All tokens, N. */
  readonly callsPerSecond: number;
  readonly free: number;
  /** How far apart calls start. */
  readonly spaceMs: number;
  /** When each call now in flight was sent. */
  readonly inFlightSinceMs: readonly number[];
  /** When each token that is out, but not in flight, comes back. */
  readonly coolingUntilMs: readonly number[];
  /** Tokens left unused for a while, in favour of foreign traffic on the account. */
  readonly withheld: number;
  /** Nothing is sent before this time. In the past if the account is not paused. */
  readonly pausedUntilMs: number;
  /** What is wrong with the ledger, if that is why no token can be had: it is told to those who wait in vain. */
  readonly obstacle?: string;
  /** How many replicas share the ledger, as far as it knows. */
  readonly replicas?: number;
}
