// A ledger under the hand clock, with the same arithmetic as the real ones: simulated seconds pass
// exactly as real ones would. It counts tokens, and throws if one is settled twice.
import type { Clock } from "../../src/base/clock.js";
import type { Forecast, LedgerState, Limiter, Token, TokenEnd, Wish } from "../../src/gateway/limiter.js";
import { forecastOf } from "../../src/limiter/forecast.js";
import {
  answered,
  asked,
  type Pace,
  spaceMs,
  started,
  startMs,
  throttle,
  tokenBackMs,
  UNPACED,
  withheldAt,
} from "../../src/limiter/token-rule.js";

interface Options {
  readonly clock: Clock;
  readonly callsPerSecond?: number;
  readonly callTimeoutMs?: number;
  /** All tokens are out for this long at first. */
  readonly openingMs?: number;
}

interface Taker {
  readonly wish: Wish;
  grant(token: Token): void;
  refuse(reason: unknown): void;
}

export class FakeLimiter implements Limiter {
  /** The wishes of every take, and the end of every token, in order. */
  readonly wishes: Wish[] = [];
  readonly ends: TokenEnd[] = [];
  granted = 0;
  closed = false;
  /** Makes `send` report that the grant is too old, this many times. */
  staleGrants = 0;
  /** Makes takes fail with this error. */
  broken: Error | undefined;
  /** Makes this many takes fail. */
  failures = 0;
  readonly #clock: Clock;
  readonly #quota: number;
  readonly #callTimeoutMs: number;
  readonly #opensMs: number;
  readonly #takers = new Set<Taker>();
  readonly #inFlight = new Map<Token, number>();
  #coolingUntilMs: number[] = [];
  #pace: Pace = UNPACED;
  #disarm: () => void = () => {};

  constructor({ clock, callsPerSecond = 10, callTimeoutMs = 10_000, openingMs = 0 }: Options) {
    this.#clock = clock;
    this.#quota = callsPerSecond;
    this.#callTimeoutMs = callTimeoutMs;
    this.#opensMs = clock.now() + openingMs;
    if (openingMs > 0) this.#coolingUntilMs = Array<number>(callsPerSecond).fill(this.#opensMs);
  }

  /** Tokens that were granted and have not been settled. */
  get out(): number {
    return this.#inFlight.size;
  }

  take(wish: Wish, signal: AbortSignal): Promise<Token> {
    this.wishes.push(wish);
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#takers.delete(taker);
        signal.removeEventListener("abort", abort);
        if (this.#takers.size === 0) this.#disarm();
      };
      const abort = () => taker.refuse(signal.reason);
      const taker: Taker = {
        wish,
        grant(token) {
          leave();
          resolve(token);
        },
        refuse(reason) {
          leave();
          reject(reason);
        },
      };
      if (signal.aborted) return abort();
      if (this.failures > 0) {
        this.failures--;
        return taker.refuse(new Error("the ledger failed"));
      }
      if (this.closed || this.broken) return taker.refuse(this.broken ?? new Error("the ledger is closed"));
      signal.addEventListener("abort", abort);
      if (this.#takers.size === 0) this.#pace = asked(this.#pace, this.#quota, this.#clock.now());
      this.#takers.add(taker);
      this.#serve();
    });
  }

  /** Why no token is available, for error texts. A test must also keep all tokens busy. */
  obstacle = "";
  #isAway = false;

  /** No token is granted until the ledger is back. */
  leave(): void {
    this.#isAway = true;
    this.obstacle = "the ledger is away";
  }

  comeBack(): void {
    this.#isAway = false;
    this.obstacle = "";
    this.#serve();
  }

  state(): LedgerState {
    const nowMs = this.#clock.now();
    return {
      mode: this.#isAway ? "away" : nowMs < this.#opensMs ? "opening" : "in-process",
      callsPerSecond: this.#quota,
      free: this.#free(),
      spaceMs: spaceMs(this.#pace.answerMs, this.#quota),
      inFlightSinceMs: [...this.#inFlight.values()],
      coolingUntilMs: [...this.#coolingUntilMs],
      withheld: withheldAt(this.#pace, this.#quota, nowMs),
      pausedUntilMs: this.#pace.pausedUntilMs,
      ...(this.obstacle && { obstacle: this.obstacle }),
    };
  }

  forecast(answerMs: number): Forecast {
    return forecastOf(this.state(), answerMs, this.#clock.now());
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const taker of this.#takers) taker.refuse(new Error("the ledger is closed"));
  }

  #free(): number {
    this.#coolingUntilMs = this.#coolingUntilMs.filter((untilMs) => untilMs > this.#clock.now());
    return this.#quota - this.#inFlight.size - this.#coolingUntilMs.length;
  }

  #serve(): void {
    this.#disarm();
    if (this.#isAway) return;
    const nowMs = this.#clock.now();
    for (const taker of this.#takers) {
      const earliestMs = (newcomer: boolean) =>
        startMs(this.#pace, this.#quota, this.#free(), newcomer, nowMs) ?? Infinity;
      const atMs = earliestMs(taker.wish.newcomer);
      if (atMs > nowMs) {
        // A token that comes back may allow it earlier, because a newcomer asks how many are free.
        const againMs = Math.min(atMs, ...this.#coolingUntilMs);
        if (againMs < Infinity) this.#disarm = this.#clock.at(againMs, () => this.#serve());
        return;
      }
      const token = this.#grant(earliestMs(false) > nowMs);
      this.#pace = started(this.#pace, this.#quota, nowMs);
      taker.grant(token);
    }
  }

  #grant(newcomer: boolean): Token {
    this.granted++;
    const token: Token = {
      newcomer,
      send: () => {
        if (this.staleGrants === 0) return true;
        this.staleGrants--;
        this.#settle(token, { kind: "unwritten" });
        return false;
      },
      settle: (end) => this.#settle(token, end),
    };
    this.#inFlight.set(token, this.#clock.now());
    return token;
  }

  #settle(token: Token, end: TokenEnd): void {
    const sentMs = this.#inFlight.get(token);
    if (sentMs === undefined) throw new Error("a token was settled twice");
    this.#inFlight.delete(token);
    this.ends.push(end);
    const nowMs = this.#clock.now();
    if (end.kind === "answered") this.#pace = answered(this.#pace, nowMs - sentMs);
    if (end.kind === "throttled") this.#pace = throttle(this.#pace, this.#quota, sentMs, nowMs, end.retryAfterMs);
    const backMs = tokenBackMs(end.kind, sentMs, nowMs, this.#callTimeoutMs);
    if (backMs > nowMs) this.#coolingUntilMs.push(backMs);
    this.#serve();
  }
}
