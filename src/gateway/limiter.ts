// The seam to the ledger of tokens. A token is the permission to make one upstream call. It is out
// from just before the call is sent until one second after its answer. Hence a sent call is never
// aborted when its caller leaves, and each token taken must be settled exactly once.
import type { Priority } from "./command.js";

/** Grants the account's share of the upstream's quota. */
export interface Limiter {
  /**
   * Resolves with a token once the quota, pacing and pauses allow a call to start. Takers of one
   * process are served in order of arrival. If the signal aborts first, rejects with its reason; no
   * token is taken then.
   */
  take(wish: Wish, signal: AbortSignal): Promise<Token>;
  /** The state of the ledger now. */
  state(): LedgerState;
  /**
   * When calls are expected to start, from the current state, if answers typically take `answerMs`.
   */
  forecast(answerMs: number): Forecast;
  /** Releases timers and connections. Pending takes reject. */
  close(): Promise<void>;
}

/** The monotonic time at which the `nth` call from now, counted from 0, is expected to be sent. */
export type Forecast = (nth: number) => number;

/** The purpose of a token. */
export interface Wish {
  /** The highest waiting class: it decides whose turn it is among replicas that share a ledger. */
  readonly priority: Priority;
  /**
   * Whether a scope waits that has sent nothing for a second: it skips pacing while more than half
   * of the tokens are free.
   */
  readonly newcomer: boolean;
}

/** The permission to make one call. */
export interface Token {
  /** Granted ahead of pacing, only for a scope that has sent nothing for a second. */
  readonly newcomer: boolean;
  /**
   * To be called right before sending. Returns false if the grant is too old; the token has then
   * been given back.
   */
  send(): boolean;
  /**
   * To be called once, when the call has ended. `unwritten` also returns a token that is not
   * needed.
   */
  settle(end: TokenEnd): void;
  /**
   * Set by `settle` if the token returns so much earlier than one second after the answer: the call
   * had certainly arrived by then.
   */
  readonly hiddenMs?: number;
}

/** The measure of an answer's time. Refusals are no measure: they take less work. */
export interface AcceptedCall {
  readonly devices: number;
  /** Time from the writing of the call to the first byte of its answer. */
  readonly waitMs: number;
}

/** The end of a call, as it concerns the token. */
export type TokenEnd =
  /**
   * An answer with a RequestId: the token returns one second later, or a little earlier if the call
   * was accepted, and calls are counted when they arrive.
   */
  | { readonly kind: "answered"; readonly accepted?: AcceptedCall }
  /** The same, but refused for rate: the account is paused as well. */
  | { readonly kind: "throttled"; readonly retryAfterMs?: number }
  /** Nothing was written: the token returns immediately. */
  | { readonly kind: "unwritten" }
  /** Anything else: the token returns when nothing of the call can still be in transit. */
  | { readonly kind: "lost" };

/**
 * Where the tokens are kept: in this process, or in a store that replicas share. `opening`: all
 * tokens are out until nothing sent before the ledger began can still be in transit. `away`: the
 * store cannot be reached.
 */
export type LedgerMode = "in-process" | "shared" | "opening" | "away";

/** How much is gained because calls are counted when they arrive. */
export interface CountedOnArrival {
  /** How much earlier than a second after its answer the token of the last call returned. */
  readonly hiddenMs: number;
  /**
   * Until when the assertion is not relied on, because the upstream has throttled. In the past if
   * it is.
   */
  readonly fallbackUntilMs: number;
}

/** The state of the ledger, for estimates and display. Times are monotonic. */
export interface LedgerState {
  readonly mode: LedgerMode;
  /** The total number of tokens, N. */
  readonly callsPerSecond: number;
  readonly free: number;
  /** The distance between starts of calls. */
  readonly spaceMs: number;
  /** When each call in flight was sent. */
  readonly inFlightSinceMs: readonly number[];
  /** When each token returns that is out but not in flight. */
  readonly coolingUntilMs: readonly number[];
  /** Tokens left unused for a while, because another program seems to use the account. */
  readonly withheld: number;
  /** Nothing is sent before this time. In the past if the account is not paused. */
  readonly pausedUntilMs: number;
  /** Present if calls are asserted to be counted when they arrive. */
  readonly arrived?: CountedOnArrival;
  /** Why the ledger grants no token; reported to requests that expire meanwhile. */
  readonly obstacle?: string;
  /** Why the store cannot be reached. For the operator only, because it may name addresses. */
  readonly cause?: string;
  /** The number of replicas that share the ledger, as far as known. */
  readonly replicas?: number;
}
