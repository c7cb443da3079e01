// The ledger shared by several replicas. A single command reports to the store what became of our
// tokens and asks for the next one. The next command is sent after a wake-up from the store, at the
// time the store named, or at the next poll. Safety depends on our own monotonic clock and on
// leases, never on agreement about the time of day.
import type { Clock } from "../../base/clock.js";
import type { Log } from "../../base/log.js";
import type { Forecast, LedgerState, Limiter, Token, Wish } from "../../gateway/limiter.js";
import type { EarlyReturn } from "../early-return.js";
import { forecastOf } from "../forecast.js";
import { Takers } from "../takers.js";
import { FENCE_MS } from "../token-rule.js";
import { Availability } from "./availability.js";
import { GrantsAhead } from "./grants-ahead.js";
import { Heartbeats, TURN_MS } from "./heartbeats.js";
import { Holdings } from "./holdings.js";
import { LedgerCommands } from "./ledger-commands.js";
import { Poll } from "./poll.js";
import { type Ask, argumentsOf, type Reply, replyOf } from "./protocol.js";
import { RANKS, stateOf } from "./state.js";
import type { Store } from "./store.js";
import { StoreView } from "./store-view.js";

export interface SharedOptions {
  readonly clock: Clock;
  readonly store: Store;
  readonly log: Log;
  /** Different for each replica and for each start of it. */
  readonly replica: string;
  /** N: the number of tokens, and of calls per second. */
  readonly callsPerSecond: number;
  /** The longest time of a call. */
  readonly callTimeoutMs: number;
  /** Without the store: no calls, or as many as the tokens held at that moment allow. */
  readonly onStoreLoss: "closed" | "share";
  /** For an upstream that is asserted to count calls when they arrive. */
  readonly early?: EarlyReturn | undefined;
}

/** How long a waiting replica waits for a wake-up before it asks again. */
const POLL_MS = 500;

/** How often an idle ledger asks, if there are not so many that their turns come later. */
const HEARTBEAT_MS = 1000;

/** With `share`, how long after the last reply calls may start. */
const SHARE_MS = 30_000;

/** Creates the ledger for one of several processes that use the account. */
export function createSharedLedger(options: SharedOptions): Limiter {
  return new SharedLedger(options);
}

class SharedLedger implements Limiter {
  readonly #options: SharedOptions;
  readonly #clock: Clock;
  readonly #takers = new Takers();
  readonly #held: Holdings;
  readonly #view: StoreView;
  readonly #availability: Availability;
  readonly #poll: Poll;
  readonly #heartbeats: Heartbeats;
  readonly #stopHeartbeat: () => void;
  #askedMs = -Infinity;
  readonly #reserve: number;
  readonly #commands: LedgerCommands;
  /** Our wish, as the store knows it. */
  #told: Wish | undefined;
  #disarmKept: () => void = () => {};
  readonly #ahead: GrantsAhead;
  /** Since when a token is wanted. */
  #wantedSinceMs = 0;

  constructor(options: SharedOptions) {
    const { clock, callTimeoutMs, callsPerSecond, onStoreLoss, early } = options;
    [this.#options, this.#clock] = [options, clock];
    this.#availability = new Availability(options.log);
    this.#view = new StoreView(clock);
    // At least half of the tokens stay available to all replicas, however many keep some: see
    // keptAtMost.
    this.#reserve = onStoreLoss === "share" && callsPerSecond > 1 ? Math.ceil(callsPerSecond / 10) : 0;
    const shareMs = this.#reserve > 0 ? SHARE_MS : 0;
    this.#held = new Holdings({
      clock,
      callTimeoutMs,
      reserve: this.#reserve,
      shareMs,
      early,
      storeServes: () => this.#serves(),
      changed: () => this.#changed(),
    });
    this.#ahead = new GrantsAhead(
      clock,
      this.#takers,
      () => Math.max(this.#held.pausedUntilMs, this.#view.pausedUntilMs),
      (hasUsed) => this.#served(hasUsed),
    );
    this.#poll = new Poll(clock, () => this.#ask());
    options.store.onWake((message) => this.#woken(message));
    this.#heartbeats = options.store.heartbeats ?? new Heartbeats(clock);
    this.#commands = new LedgerCommands({
      ...{ replica: options.replica, callsPerSecond, callTimeoutMs, early, reserve: this.#reserve, shareMs },
      ...{ held: this.#held, view: this.#view, ahead: this.#ahead, takers: this.#takers, heartbeats: this.#heartbeats },
      serves: () => this.#serves(),
    });
    this.#stopHeartbeat = this.#heartbeats.join({ beat: () => this.#beat(), alarm: () => this.#alarm() });
    this.#poll.by(clock.now());
  }

  take(wish: Wish, signal: AbortSignal): Promise<Token> {
    if (!this.#takers.first) this.#wantedSinceMs = this.#clock.now();
    const taking = this.#takers.wait(wish, signal);
    taking.catch(() => this.#ahead.useSoon());
    if (!this.#serves()) this.#useKept();
    if (this.#availability.isAway || !this.#ahead.wanted) return taking;
    if (!this.#told || RANKS[wish.priority] < RANKS[this.#told.priority] || wish.newcomer) this.#changed();
    return taking;
  }

  state(): LedgerState {
    const { callsPerSecond, early } = this.#options;
    const { isAway, cause } = this.#availability;
    const state = stateOf(this.#clock.now(), callsPerSecond, this.#held, isAway ? undefined : this.#view.heard, cause);
    return early ? { ...state, arrived: early.state } : state;
  }

  forecast(answerMs: number): Forecast {
    return forecastOf(this.state(), answerMs, this.#clock.now());
  }

  /**
   * Gives back the tokens that return within a second; others would miss them until their leases
   * end.
   */
  async close(): Promise<void> {
    this.#takers.close(new Error("the ledger is closed"));
    this.#disarmKept();
    this.#stopHeartbeat();
    this.#ahead.use();
    await this.#poll.end();
    if (this.#availability.isAway) return;
    const nowMs = this.#clock.now();
    const lastMs = Math.min(Math.max(nowMs, ...this.#held.coolingUntilMs()), nowMs + 1000);
    await new Promise<void>((resolve) => this.#clock.at(lastMs + 5, resolve)); // timers with equal times fire in any order
    this.#held.release();
    await this.#ask("last");
  }

  /** Whether the store can be asked for tokens. */
  #serves(): boolean {
    return !this.#availability.isAway && this.#view.isOpen;
  }

  #beat(): boolean {
    const nowMs = this.#clock.now();
    const hasOwn = this.#reserve > 0 || this.#availability.isAway || this.#ahead.wanted;
    if (hasOwn || nowMs - this.#askedMs <= HEARTBEAT_MS - TURN_MS) return false;
    this.#poll.by(nowMs);
    return true;
  }

  #alarm(): void {
    if (!this.#availability.isAway) this.#poll.by(this.#clock.now());
  }

  #changed(): void {
    this.#ahead.use();
    if (!this.#availability.isAway) {
      // A token that has come back does not wait for the answer about another.
      if (this.#poll.isAsking && this.#held.hasNews) void this.#ask("between").then((nextMs) => this.#poll.by(nextMs));
      else this.#poll.by(this.#clock.now());
    }
    this.#useKept();
  }

  /**
   * Handles "<replica> <microseconds>": the replica whose turn it is, and in how long it may ask.
   */
  #woken(message: string): void {
    const [replica, delayUs] = message.split(" ");
    if (replica !== this.#options.replica) return;
    this.#poll.by(this.#view.inTimeMs(Number(delayUs) / 1000));
  }

  /** Sends one command. Returns when to send the next. */
  async #ask(which?: "last" | "between"): Promise<number> {
    const askedMs = this.#clock.now();
    this.#askedMs = askedMs;
    const { back, throttled } = this.#held.drain(which === "between");
    const wish = which === "between" ? undefined : this.#ahead.wanted;
    const token = this.#commands.newToken();
    const ask: Ask = {
      ...this.#commands.circumstances(),
      ...(which && { keep: [] }),
      ...(which === "last" && { presentForMs: 0 }),
      ...(which === "between"
        ? { wish: "same" as const }
        : wish && { wish: this.#commands.wishFor(token, wish, askedMs - this.#wantedSinceMs) }),
      ...(throttled && { throttle: { pauseMs: throttled.pauseMs, sentAgoMs: askedMs - throttled.sentMs } }),
      back,
    };
    try {
      const reply = replyOf(await this.#options.store.run(argumentsOf(ask)));
      if (which !== "between") this.#told = reply.granted ? undefined : wish;
      return this.#hear(ask, reply, askedMs);
    } catch (error) {
      this.#answerOffer(ask, false);
      // It may have run; then the granted token must be given back, and new ones for the reserve.
      // Reporting the rest twice does no harm.
      const granted = [...(wish ? [token] : []), ...ask.keep].filter((each) => !this.#held.has(each));
      this.#held.undrain([...back, ...granted.map((each) => ({ token: each, used: false }))], throttled);
      return this.#miss(error as Error);
    }
  }

  #hear(ask: Ask, reply: Reply, askedMs: number): number {
    const { early, store, log } = this.#options;
    const nowMs = this.#clock.now();
    this.#availability.hear(reply);
    early?.fallBack(reply.fallbackForMs);
    if (reply.wake) store.wake(reply.wake);
    if (!this.#view.note(ask, reply, askedMs)) log.warn({}, "the clock of the shared ledger's store has moved");
    if (reply.granted && nowMs - askedMs > FENCE_MS) this.#availability.late(nowMs - askedMs, nowMs);
    // Before noteKept, which would give the token back as one that we may not keep.
    this.#receive(ask, reply, askedMs);
    this.#answerOffer(ask, reply.yields);
    if (this.#serves()) this.#held.noteKept(ask.keep, reply.kept, askedMs);
    this.#ahead.use();
    this.#useKept();
    if (this.#view.hasStepped || this.#held.hasNews) return nowMs;
    // A reserve is leased, and has to be renewed.
    if (!this.#ahead.wanted) return this.#reserve > 0 ? nowMs + HEARTBEAT_MS : Infinity;
    // A taker that came after a command without a wish has not been asked for yet.
    if (reply.granted || !ask.wish) return nowMs;
    return Math.min(Math.max(this.#view.askMs(reply, reply.waitMs ?? Infinity), nowMs), nowMs + POLL_MS);
  }

  #receive({ wish }: Ask, reply: Reply, askedMs: number): void {
    if (!reply.granted) return;
    const { token, ahead, inMs } = reply.granted;
    const granted = this.#held.receive(token, ahead, askedMs, this.#view.startMs(reply, inMs));
    if (!granted) return;
    if (this.#view.hasStepped) granted.token.settle({ kind: "unwritten" });
    else this.#ahead.add({ ...granted, isForNewcomer: typeof wish === "object" && wish.newcomer });
  }

  #answerOffer({ wish }: Ask, isNeeded: boolean): void {
    if (typeof wish === "object" && wish.own) this.#held.answerOffer(wish.own.token, isNeeded);
  }

  #served(hasUsed: boolean): void {
    // A wish that the store still counts on is taken back; a reserve that was used is filled up.
    if (this.#told && !this.#ahead.wanted) this.#poll.by(this.#clock.now());
    const refill = () => !this.#takers.first && this.#serves() && this.#poll.by(this.#clock.now());
    if (hasUsed && this.#reserve > 0) this.#clock.at(this.#clock.now(), refill);
  }

  #miss(error: Error): number {
    const wasAway = this.#availability.isAway;
    const retryMs = this.#availability.miss(error);
    if (!wasAway) this.#heartbeats.alarm();
    this.#told = undefined;
    this.#useKept();
    return this.#clock.now() + retryMs;
  }

  /** Uses kept tokens without asking, while the store is away or the ledger opens. */
  #useKept(): void {
    this.#disarmKept();
    for (let wish = this.#takers.first; wish && !this.#serves(); wish = this.#takers.first) {
      const taken = this.#held.takeKept(wish);
      if (typeof taken === "number") this.#disarmKept = this.#clock.at(taken, () => this.#useKept());
      if (typeof taken !== "object") return;
      this.#takers.grant(taken);
    }
  }
}
