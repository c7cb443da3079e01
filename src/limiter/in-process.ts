// The ledger of a single process. A job scheduled on Bottleneck is a token: N jobs run at a time,
// and each job lives until its token has been used and has returned, so Bottleneck's
// `maxConcurrent` enforces the rule. Tokens are drawn ahead of demand, because Bottleneck takes
// milliseconds to schedule a job and cannot take back a waiting one. Takers wait here instead.
import Bottleneck from "bottleneck";
import type { Clock } from "../base/clock.js";
import type { Forecast, LedgerState, Limiter, Token, TokenEnd, Wish } from "../gateway/limiter.js";
import type { EarlyReturn } from "./early-return.js";
import { forecastOf } from "./forecast.js";
import { Takers } from "./takers.js";
import {
  answered,
  asked,
  fewerWithheldMs,
  OPENING_MS,
  type Pace,
  pauseForMs,
  spaceMs,
  started,
  startMs,
  throttle,
  tokenBackMs,
  UNPACED,
  withheldAt,
} from "./token-rule.js";

export interface InProcessOptions {
  readonly clock: Clock;
  /** N: the number of tokens, and of calls per second. */
  readonly callsPerSecond: number;
  /** The longest time of a call. */
  readonly callTimeoutMs: number;
  /** When the process began to be the only one; now if it is left out. */
  readonly sinceMs?: number;
  /** For an upstream that is asserted to count calls when they arrive. */
  readonly early?: EarlyReturn | undefined;
}

/**
 * How long before a token returns its next job is scheduled: Bottleneck needs some turns of the
 * event loop for it.
 */
const REDRAW_MS = 250;

/**
 * Creates the ledger for a process that is the only user of the account. At first all tokens are
 * out (see OPENING_MS).
 */
export function createInProcessLedger(options: InProcessOptions): Limiter {
  return new InProcessLedger(options);
}

/** A token that can be granted. */
interface Drawn {
  /** Its number among the N tokens: 0 for the first. */
  readonly nth: number;
  /** Ends its job, given the time at which the token returns. */
  readonly backAt: (backMs: number) => void;
}

class InProcessLedger implements Limiter {
  readonly #clock: Clock;
  readonly #quota: number;
  readonly #callTimeoutMs: number;
  readonly #opensMs: number;
  readonly #early: EarlyReturn | undefined;
  readonly #bottleneck: Bottleneck;
  readonly #free: Drawn[] = [];
  // By `nth`, and not in maps of tokens or as listeners of a signal: those that change with every
  // call burden the garbage collector (docs/adr/0021).
  /** When the call of each token was sent, of those in a call. */
  readonly #inFlightSinceMs: (number | undefined)[];
  /** When each token returns, of those that will. */
  readonly #coolingUntilMs: (number | undefined)[];
  /** Clear the timers of those that sleep. */
  readonly #disarmSleep: (() => void)[];
  readonly #takers = new Takers();
  #pace: Pace = UNPACED;
  #disarm: () => void = () => {};
  #isClosed = false;

  constructor({ clock, callsPerSecond, callTimeoutMs, sinceMs = clock.now(), early }: InProcessOptions) {
    this.#clock = clock;
    this.#quota = callsPerSecond;
    this.#callTimeoutMs = callTimeoutMs;
    this.#early = early;
    this.#opensMs = Math.max(sinceMs + OPENING_MS, clock.now());
    this.#bottleneck = new Bottleneck({ maxConcurrent: callsPerSecond });
    this.#inFlightSinceMs = new Array<undefined>(callsPerSecond).fill(undefined);
    this.#coolingUntilMs = new Array<undefined>(callsPerSecond).fill(undefined);
    this.#disarmSleep = new Array<() => void>(callsPerSecond).fill(() => {});
    for (let nth = 0; nth < callsPerSecond; nth++) this.#draw(nth, this.#opensMs);
  }

  take(wish: Wish, signal: AbortSignal): Promise<Token> {
    if (!this.#takers.first) this.#pace = asked(this.#pace, this.#quota, this.#clock.now());
    const taking = this.#takers.wait(wish, signal);
    this.#serve();
    return taking;
  }

  state(): LedgerState {
    const nowMs = this.#clock.now();
    return {
      mode: nowMs < this.#opensMs ? "opening" : "in-process",
      callsPerSecond: this.#quota,
      free: this.#free.length,
      spaceMs: spaceMs(this.#pace.answerMs, this.#quota),
      inFlightSinceMs: this.#inFlightSinceMs.filter((sinceMs) => sinceMs !== undefined),
      coolingUntilMs: this.#coolingUntilMs.filter((untilMs) => untilMs !== undefined),
      withheld: withheldAt(this.#pace, this.#quota, nowMs),
      pausedUntilMs: this.#pace.pausedUntilMs,
      ...(this.#early && { arrived: this.#early.state }),
    };
  }

  forecast(answerMs: number): Forecast {
    return forecastOf(this.state(), answerMs, this.#clock.now());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#disarm();
    for (const disarm of this.#disarmSleep) disarm();
    this.#takers.close(new Error("the ledger is closed"));
    await this.#bottleneck.disconnect();
  }

  /**
   * Draws a token that is free from `freeMs` on, and again each time it has been used and is about
   * to return.
   */
  #draw(nth: number, freeMs: number): void {
    this.#coolingUntilMs[nth] = freeMs;
    const token = async () => {
      await this.#sleepUntil(nth, freeMs);
      this.#coolingUntilMs[nth] = undefined;
      const backMs = await this.#beFree(nth);
      this.#coolingUntilMs[nth] = backMs;
      await this.#sleepUntil(nth, backMs - REDRAW_MS);
      return backMs;
    };
    this.#bottleneck.schedule(token).then(
      (backMs) => this.#draw(nth, backMs),
      () => {}, // the ledger is closed
    );
  }

  #beFree(nth: number): Promise<number> {
    return new Promise((backAt) => {
      this.#free.push({ nth, backAt });
      this.#serve();
    });
  }

  /** Resolves then, or never if the ledger is closed before. */
  #sleepUntil(nth: number, timeMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isClosed) return;
      if (timeMs <= this.#clock.now()) resolve();
      else this.#disarmSleep[nth] = this.#clock.at(timeMs, resolve);
    });
  }

  /** Grants what can be granted now. Runs again when time alone allows the next grant. */
  #serve(): void {
    this.#disarm();
    for (let wish = this.#takers.first; wish; wish = this.#takers.first) {
      const nowMs = this.#clock.now();
      const earliestMs = (newcomer: boolean) =>
        startMs(this.#pace, this.#quota, this.#free.length, newcomer, nowMs) ?? Infinity;
      const atMs = earliestMs(wish.newcomer);
      if (atMs > nowMs) {
        // A token that is free but withheld is waited for as well: the others may be out for long.
        const againMs = atMs < Infinity ? atMs : fewerWithheldMs(this.#pace, this.#quota, nowMs);
        if (againMs < Infinity) this.#disarm = this.#clock.at(againMs, () => this.#serve());
        return;
      }
      this.#takers.grant(this.#grant(earliestMs(false) > nowMs));
    }
  }

  #grant(newcomer: boolean): Token {
    const drawn = this.#free.pop();
    if (!drawn) throw new Error("a token was granted that is not free");
    const grantedMs = this.#clock.now();
    const { lastStartMs: beforeMs } = this.#pace;
    this.#pace = started(this.#pace, this.#quota, grantedMs);
    const { lastStartMs } = this.#pace;
    let isSent = false;
    let isSettled = false;
    const token: Token & { hiddenMs?: number } = {
      newcomer,
      send: () => {
        isSent = true;
        this.#inFlightSinceMs[drawn.nth] = this.#clock.now();
        return true;
      },
      settle: (end) => {
        if (isSettled) throw new Error("a token was settled twice");
        isSettled = true;
        // An unused token is not a start: the next call need not keep its distance from it.
        if (!isSent && this.#pace.lastStartMs === lastStartMs) this.#pace = { ...this.#pace, lastStartMs: beforeMs };
        token.hiddenMs = this.#settle(drawn, end);
      },
    };
    this.#inFlightSinceMs[drawn.nth] = grantedMs;
    return token;
  }

  /** Returns how much earlier than a second after its answer the token returns. */
  #settle(drawn: Drawn, end: TokenEnd): number {
    const sentMs = this.#inFlightSinceMs[drawn.nth] as number;
    this.#inFlightSinceMs[drawn.nth] = undefined;
    const nowMs = this.#clock.now();
    let hiddenMs = 0;
    if (end.kind === "answered") {
      hiddenMs = this.#early?.answered(end.accepted) ?? 0;
      this.#pace = answered(this.#pace, nowMs - sentMs - hiddenMs);
    }
    if (end.kind === "throttled") {
      const pauseMs = pauseForMs(end.retryAfterMs, this.#early?.throttled(sentMs));
      this.#pace = throttle(this.#pace, this.#quota, sentMs, nowMs, pauseMs);
    }
    if (end.kind === "unwritten") {
      this.#free.push(drawn); // the same job continues, because scheduling another takes milliseconds
      this.#serve();
    } else {
      drawn.backAt(tokenBackMs(end.kind, sentMs, nowMs, this.#callTimeoutMs, hiddenMs));
    }
    return hiddenMs;
  }
}
