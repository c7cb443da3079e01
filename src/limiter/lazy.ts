// A ledger for an operation that is rarely used: it is opened for the first call, and closed again
// after a quiet time, so that an idle gateway asks the store for nothing. `greet` joins it once at
// the start: a ledger that is new in the store opens only after a while, and a first call should
// not have to wait for that.
import type { Clock } from "../base/clock.js";
import type { Forecast, LedgerState, Limiter, Token, Wish } from "../gateway/limiter.js";
import { forecastOf } from "./forecast.js";

export interface LazyOptions {
  readonly clock: Clock;
  readonly callsPerSecond: number;
  /** Creates the ledger. */
  readonly open: () => Limiter;
  /** The mode to show while it is closed. */
  readonly mode: "in-process" | "shared";
  /** How long without a taker or a token until it is closed; undefined to leave it open. */
  readonly quietMs: number | undefined;
}

export interface LazyLimiter extends Limiter {
  /** Joins the ledger once, and leaves it again. Never rejects. */
  greet(): Promise<void>;
}

export function createLazyLedger(options: LazyOptions): LazyLimiter {
  return new LazyLedger(options);
}

class LazyLedger implements LazyLimiter {
  readonly #options: LazyOptions;
  #opened: Limiter | undefined;
  /** The last ledger, while it closes. The next one is opened after it. */
  #leaving: Promise<void> = Promise.resolve();
  /** Takers and tokens. */
  #inUse = 0;
  #disarm: () => void = () => {};
  #closed: Error | undefined;

  constructor(options: LazyOptions) {
    this.#options = options;
  }

  async greet(): Promise<void> {
    if (this.#opened || this.#closed) return;
    this.#opened = this.#options.open();
    if (this.#inUse === 0) this.#leave();
    await this.#leaving;
  }

  async take(wish: Wish, signal: AbortSignal): Promise<Token> {
    this.#inUse++;
    this.#disarm();
    try {
      await this.#leaving;
      if (this.#closed) throw this.#closed;
      if (signal.aborted) throw signal.reason;
      this.#opened ??= this.#options.open();
      return this.#counted(await this.#opened.take(wish, signal));
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  state(): LedgerState {
    if (this.#opened) return this.#opened.state();
    const { callsPerSecond, mode } = this.#options;
    const none = { inFlightSinceMs: [], coolingUntilMs: [], withheld: 0, pausedUntilMs: -Infinity };
    return { mode, callsPerSecond, free: callsPerSecond, spaceMs: 1000 / callsPerSecond, ...none };
  }

  forecast(answerMs: number): Forecast {
    return this.#opened?.forecast(answerMs) ?? forecastOf(this.state(), answerMs, this.#options.clock.now());
  }

  async close(): Promise<void> {
    this.#closed = new Error("the ledger is closed");
    this.#disarm();
    this.#leave();
    await this.#leaving;
  }

  /** The same token, whose end is noticed. */
  #counted(token: Token): Token {
    return {
      newcomer: token.newcomer,
      send: () => {
        const isFresh = token.send();
        if (!isFresh) this.#release(); // it has settled itself
        return isFresh;
      },
      settle: (end) => {
        token.settle(end);
        this.#release();
      },
      get hiddenMs() {
        return token.hiddenMs ?? 0;
      },
    };
  }

  #release(): void {
    const { clock, quietMs } = this.#options;
    if (--this.#inUse > 0 || quietMs === undefined || this.#closed) return;
    this.#disarm = clock.at(clock.now() + quietMs, () => this.#leave());
  }

  #leave(): void {
    const ledger = this.#opened;
    this.#opened = undefined;
    if (ledger) this.#leaving = ledger.close();
  }
}
