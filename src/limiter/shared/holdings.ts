// The tokens that this replica holds, timed by its own clock: in use, cooling until one second
// after the answer, or kept for times without the store. A kept token may be used without asking
// only while the store certainly counts it as ours: until `startUntilMs`, which precedes the end of
// its lease by the longest time for which a call can count. Other tokens go back to the store.
import type { Clock } from "../../base/clock.js";
import type { Token, TokenEnd, Wish } from "../../gateway/limiter.js";
import type { EarlyReturn } from "../early-return.js";
import {
  answered,
  FENCE_MS,
  type Pace,
  pauseForMs,
  started,
  startMs,
  throttle,
  tokenBackMs,
  UNPACED,
} from "../token-rule.js";
import type { GivenBack } from "./protocol.js";

interface Holding {
  readonly token: string;
  state: "in use" | "cooling" | "kept";
  startUntilMs: number;
  /** No call starts with it before this time: it was granted ahead, or has to come back first. */
  freeMs: number;
  /** When the token of its last call returns, if the store granted it again before that. */
  backMs?: number;
  /** When its call was sent; absent before that. */
  sentMs?: number;
  /** While the store is being asked whether it may be used again, it is not given back. */
  isOffered?: boolean;
  /** Another replica waits for it. */
  isNeeded?: boolean;
}

/** A token of ours that the store may grant us once more. */
export interface Offer {
  readonly token: string;
  /** When it can be used. */
  readonly freeMs: number;
}

/** A token, and when a call may start with it. */
export interface Granted {
  readonly token: Token;
  readonly startMs: number;
}

export interface HoldingsOptions {
  readonly clock: Clock;
  readonly callTimeoutMs: number;
  /** The number of tokens to keep when there is nothing to send. */
  readonly reserve: number;
  /**
   * How long a token may be used without the store, counted from the request for it. 0 for not at
   * all.
   */
  readonly shareMs: number;
  /** For an upstream that is asserted to count calls when they arrive. */
  readonly early?: EarlyReturn | undefined;
  /** Whether the store can be asked for tokens. */
  storeServes(): boolean;
  /** Called when there is something to report to the store, or when a kept token can be used. */
  changed(): void;
}

/**
 * How many tokens are given back at most: all that there can be, and those that were asked for
 * within a lease by commands that got no answer. Older ones are free: their leases are over.
 */
const MOST_BACK = 2000;

/** A throttle that the store does not know about yet. */
export interface Throttled {
  readonly pauseMs: number;
  readonly sentMs: number;
}

export class Holdings {
  readonly #options: HoldingsOptions;
  readonly #clock: Clock;
  readonly #byToken = new Map<string, Holding>();
  #back: GivenBack[] = [];
  #throttles: Throttled[] = [];
  #pace: Pace = UNPACED;

  constructor(options: HoldingsOptions) {
    this.#options = options;
    this.#clock = options.clock;
  }

  /** The typical time to an answer. */
  get answerMs(): number {
    return this.#pace.answerMs;
  }

  /** Nothing starts before this time, according to the throttles of this replica. */
  get pausedUntilMs(): number {
    return this.#pace.pausedUntilMs;
  }

  get hasNews(): boolean {
    return this.#back.length > 0 || this.#throttles.length > 0;
  }

  has(token: string): boolean {
    return this.#byToken.has(token);
  }

  /** When each call in flight was sent, or will be. */
  inFlightSinceMs(): number[] {
    return this.#in("in use").map(({ sentMs, freeMs }) => sentMs ?? freeMs);
  }

  coolingUntilMs(): number[] {
    return this.#in("cooling").map(({ freeMs }) => freeMs);
  }

  /** The number of tokens that calls may use without the store, now or when they come back. */
  usable(): number {
    const nowMs = this.#clock.now();
    return [...this.#byToken.values()].filter(({ startUntilMs }) => startUntilMs > nowMs).length;
  }

  /** The kept tokens that may be used for a call. */
  kept(): string[] {
    const nowMs = this.#clock.now();
    return this.#in("kept").flatMap(({ token, startUntilMs }) => (startUntilMs > nowMs ? token : []));
  }

  /**
   * Takes what must be reported to the store. The caller reports it, or puts it back with
   * `undrain`. While another command is outstanding, the tokens that it asks to keep stay.
   */
  drain(isBetween = false): { readonly back: readonly GivenBack[]; readonly throttled: Throttled | undefined } {
    // Done only here: tokens that we are asking the store to leave us must not be given back
    // meanwhile.
    const usable = new Set(this.kept());
    const kept = isBetween ? [] : this.#in("kept");
    for (const { token } of kept) if (!usable.has(token)) this.#giveBack(token, true);
    const back = this.#back;
    this.#back = [];
    return { back, throttled: this.#throttles.shift() };
  }

  /** Takes back what could not be reported, the oldest first. */
  undrain(back: readonly GivenBack[], throttled: Throttled | undefined): void {
    this.#back = [...back, ...this.#back].slice(-MOST_BACK);
    if (throttled) this.#throttles.unshift(throttled);
  }

  /**
   * The token of ours that can be used again first: if the store grants it to us, it does not
   * travel there and back. It is not given back before `answerOffer`. Without the store, kept
   * tokens are used without asking, and one may be in use until the store answers.
   */
  offer(): Offer | undefined {
    const [kept] = this.#options.storeServes() ? this.kept() : [];
    const cooling = this.#in("cooling")
      .filter(({ isNeeded }) => !isNeeded)
      .toSorted((a, b) => a.freeMs - b.freeMs);
    const holding = kept === undefined ? cooling[0] : this.#byToken.get(kept);
    if (!holding) return undefined;
    holding.isOffered = true;
    return { token: holding.token, freeMs: holding.freeMs };
  }

  /** Ends an offer. If the store did not grant the token, it goes back as it would have. */
  answerOffer(token: string, isNeeded: boolean): void {
    const holding = this.#byToken.get(token);
    if (!holding?.isOffered) return;
    holding.isOffered = false;
    holding.isNeeded = isNeeded;
    if (holding.state === "cooling" && holding.freeMs <= this.#clock.now()) this.#comeBack(holding, true);
  }

  /**
   * Receives a token granted by the store for a request made at `askedMs`, for a call that starts
   * at `startMs`. Undefined if it is already ours and its call is in flight or has just ended: it
   * returns by itself, and must not return earlier.
   */
  receive(token: string, ahead: boolean, askedMs: number, startMs = askedMs): Granted | undefined {
    const held = this.#byToken.get(token);
    if (held && held.state !== "kept" && !(held.state === "cooling" && held.isOffered)) return undefined;
    const freeMs = Math.max(startMs, held?.freeMs ?? startMs);
    const startUntilMs = askedMs + this.#options.shareMs;
    // Another object, so that a timer of the former use does not give it back.
    const holding: Holding = { token, state: "in use", startUntilMs, freeMs, ...(held && { backMs: held.freeMs }) };
    this.#byToken.set(token, holding);
    return { token: this.#tokenOf(holding, ahead, askedMs), startMs: freeMs };
  }

  /**
   * Records which of the tokens that we asked to keep the store has left us. The others are ours
   * until we give them back, because we might have missed the reply.
   */
  noteKept(asked: readonly string[], left: ReadonlySet<string>, askedMs: number): void {
    const startUntilMs = askedMs + this.#options.shareMs;
    for (const token of asked) {
      const holding = this.#byToken.get(token);
      if (!left.has(token)) {
        if (holding?.state === "kept") this.#giveBack(token, true);
      } else if (holding) holding.startUntilMs = startUntilMs;
      else this.#byToken.set(token, { token, state: "kept", startUntilMs, freeMs: askedMs });
    }
    for (const { token } of this.#in("kept").slice(this.#options.reserve)) this.#giveBack(token, true);
  }

  /**
   * Takes a kept token for use without asking; or returns the time when one may be used, if only
   * time is missing. Calls are spaced as the number of held tokens allows.
   */
  takeKept(wish: Wish): Token | number | undefined {
    const nowMs = this.#clock.now();
    const [token] = this.kept();
    const holding = token === undefined ? undefined : this.#byToken.get(token);
    if (!holding) return undefined;
    const usable = this.usable();
    const atMs = startMs(this.#pace, usable, this.kept().length, wish.newcomer, nowMs);
    if (atMs === undefined || atMs > nowMs) return atMs;
    this.#pace = started(this.#pace, usable, nowMs);
    holding.state = "in use";
    return this.#tokenOf(holding, false, nowMs);
  }

  /** Gives up all kept tokens. */
  release(): void {
    for (const { token } of this.#in("kept")) this.#giveBack(token, true);
  }

  #tokenOf(holding: Holding, newcomer: boolean, grantedMs: number): Token {
    const token: Token & { hiddenMs?: number } = {
      newcomer,
      send: () => {
        const nowMs = this.#clock.now();
        // The process was suspended, and its grant may belong to another replica by now.
        const isStale = nowMs - grantedMs > FENCE_MS;
        if (nowMs < holding.freeMs) throw new Error("a token was used before it was free");
        if (isStale) this.#comeBack(holding, false);
        else holding.sentMs = nowMs;
        return !isStale;
      },
      settle: (end) => {
        token.hiddenMs = this.#settle(holding, end);
      },
    };
    return token;
  }

  /** Returns how much earlier than a second after its answer the token returns. */
  #settle(holding: Holding, end: TokenEnd): number {
    const { sentMs } = holding;
    const { early } = this.#options;
    if (holding.state !== "in use") throw new Error("a token was settled twice");
    const nowMs = this.#clock.now();
    if (sentMs === undefined) {
      this.#cool(holding, holding.backMs ?? nowMs, false);
      return 0;
    }
    let hiddenMs = 0;
    if (end.kind === "throttled") {
      const pauseMs = pauseForMs(end.retryAfterMs, early?.throttled(sentMs));
      this.#throttles.push({ pauseMs, sentMs });
      this.#pace = throttle(this.#pace, this.#byToken.size, sentMs, nowMs, pauseMs);
      this.#options.changed();
    }
    if (end.kind === "answered") {
      hiddenMs = early?.answered(end.accepted) ?? 0;
      this.#pace = answered(this.#pace, nowMs - sentMs - hiddenMs);
    }
    this.#cool(holding, tokenBackMs(end.kind, sentMs, nowMs, this.#options.callTimeoutMs, hiddenMs), true);
    return hiddenMs;
  }

  #cool(holding: Holding, freeMs: number, used: boolean): void {
    Object.assign(holding, { state: "cooling", freeMs });
    const comeBack = () => {
      if (!holding.isOffered && this.#byToken.get(holding.token) === holding) this.#comeBack(holding, used);
    };
    if (freeMs <= this.#clock.now()) comeBack();
    else this.#clock.at(freeMs, comeBack);
  }

  /** Frees a token: we keep it, or the store gives it to the next replica. */
  #comeBack(holding: Holding, used: boolean): void {
    const { token, startUntilMs } = holding;
    const { storeServes, reserve, changed } = this.#options;
    // Unused tokens go back, so that the store can give their start to another replica.
    const mayKeep = !storeServes() || (used && this.#in("kept").length < reserve);
    const isKept = mayKeep && startUntilMs > this.#clock.now();
    delete holding.sentMs;
    holding.state = "kept";
    holding.isNeeded = false;
    if (!isKept) this.#giveBack(token, used);
    changed();
  }

  #giveBack(token: string, used: boolean): void {
    this.#byToken.delete(token);
    this.#back.push({ token, used });
  }

  #in(state: Holding["state"]): Holding[] {
    return [...this.#byToken.values()].filter((each) => each.state === state);
  }
}
