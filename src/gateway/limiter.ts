// The seam to the ledger of tokens. A token is leave to make one upstream call: it is out from just before the call is
// sent until one second after its answer. That is why a sent call is never aborted for a caller's sake, and why every
// token taken must be settled exactly once.
import type { Priority } from "./command.js";

/** The account's share of the upstream's quota. */
export interface Limiter {
  /**
   * Resolves with a token once the quota, pacing and pauses allow a call to start. Takers of one process are served in
   * the order they came. Rejects with the signal's reason if it aborts first; then no token is taken.
   */
  take(wish: Wish, signal: AbortSignal): Promise<Token>;
  /** How the ledger stands now. */
  state(): LedgerState;
  /** When calls can be expected to start, as the ledger stands now, if an answer typically takes `answerMs`. */
  forecast(answerMs: number): Forecast;
  /** Lets go of timers and connections. Takes under way reject. */
  close(): Promise<void>;
}

/** The monotonic time at which the `nth` call from now, counted from 0, can be expected to be sent. */
export type Forecast = (nth: number) => number;

/** What the taker wants a token for. */
export interface Wish {
  /** The highest class that waits: it decides whose turn it is among replicas that share a ledger. */
  readonly priority: Priority;
  /** A scope that has sent nothing for a second waits: no pacing for it while more than half of the tokens are free. */
  readonly newcomer: boolean;
}

/** Leave to make one call. */
export interface Token {
  /** Granted ahead of pacing, for a scope that has sent nothing for a second and no other. */
  readonly newcomer: boolean;
  /** To be called right before sending. False if the grant is too old to be used; the token has then been given back. */
  send(): boolean;
  /** To be called once, when the call has ended; with `unwritten` also for a token that is not needed. */
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
  /** Anything else: back when nothing of the call can still be on its way. */
  | { readonly kind: "lost" };

/**
 * Where the tokens are: here, or in a store that replicas share. `opening`: all tokens are out until nothing that was
 * sent before the ledger began can still be on its way; `away`: the store cannot be reached.
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
  /** When each token that is out but not in flight comes back. */
  readonly coolingUntilMs: readonly number[];
  /** Tokens left unused for a while, for the sake of foreign traffic on the account. */
  readonly withheld: number;
  /** Nothing is sent before this time, which is in the past if the account is not paused. */
  readonly pausedUntilMs: number;
  /** What is wrong with the ledger, if that is why it grants no token: requests that expire meanwhile say so. */
  readonly obstacle?: string;
  /** How many replicas share the ledger, as far as it knows. */
  readonly replicas?: number;
}
