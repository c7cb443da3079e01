// The knowledge that a replica has of the store from its replies: the state of the ledger, the
// store's clock and the round-trip time. It says when to send commands and when calls may start.
import type { Clock } from "../../base/clock.js";
import { FENCE_MS } from "../token-rule.js";
import { ClockFrame } from "./clock-frame.js";
import { EARLY_MS } from "./grant-script.js";
import type { Ask, AskedToken, Reply } from "./protocol.js";
import type { Heard } from "./state.js";

/** How much sooner than needed a grant may be made; otherwise a request may wait for a moment. */
const SLACK_MS = 2;

export class StoreView {
  readonly #clock: Clock;
  readonly #frame = new ClockFrame();
  #heard: Heard | undefined;
  /** Until when calls of any user of the ledgers known to us may be counted. */
  #countsUntilMs = -Infinity;
  #hasStepped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The last reply. */
  get heard(): Heard | undefined {
    return this.#heard;
  }

  /** Nothing starts before this time, according to the throttles of all replicas. */
  get pausedUntilMs(): number {
    return this.#heard ? this.#heard.atMs + this.#heard.pausedForMs : -Infinity;
  }

  get isOpen(): boolean {
    return this.#heard !== undefined && this.#heard.opensMs <= this.#clock.now();
  }

  /** Whether the store's clock has stepped, and the store does not know. */
  get hasStepped(): boolean {
    return this.#hasStepped;
  }

  /** Records a reply. Returns false if it shows that the store's clock has stepped. */
  note(ask: Ask, reply: Reply, askedMs: number): boolean {
    const nowMs = this.#clock.now();
    const isSteady = this.#frame.note(reply.storeMs, askedMs, nowMs);
    this.#hasStepped = !isSteady || (this.#hasStepped && !ask.stepped);
    this.#countsUntilMs = Math.max(this.#countsUntilMs, nowMs + reply.countsMs);
    this.#heard = { ...reply, atMs: nowMs, opensMs: nowMs + reply.opensInMs };
    return isSteady;
  }

  circumstances(): Pick<Ask, "seen" | "formerMs" | "stepped"> {
    const nowMs = this.#clock.now();
    return {
      ...(this.#heard && { seen: { epoch: this.#heard.epoch, agoMs: nowMs - this.#heard.atMs } }),
      formerMs: Math.max(this.#countsUntilMs - nowMs, 0),
      stepped: this.#hasStepped,
    };
  }

  distance(): Pick<AskedToken, "aheadMs" | "tripMs"> {
    const { leastTripMs, longTripMs } = this.#frame;
    const inTimeMs = FENCE_MS - longTripMs - EARLY_MS;
    return { aheadMs: Math.max(Math.min(longTripMs + EARLY_MS + SLACK_MS, inTimeMs), 0), tripMs: leastTripMs };
  }

  /**
   * In how long after a command has reached the store the store's time of `timeMs` comes, on the
   * fastest way: half a trip is over by then, and a start is half a trip later here than there.
   */
  inMs(timeMs: number): number {
    return Math.max(timeMs - this.#clock.now() - this.#frame.leastTripMs, 0);
  }

  /** When a call may start that may start so long after the store's reply. */
  startMs({ storeMs }: Reply, inMs: number): number {
    return this.#frame.reachedMs(storeMs + inMs);
  }

  /** When to send a command that reaches the store so long after its reply. */
  askMs({ storeMs }: Reply, inMs: number): number {
    return this.#frame.reachedMs(storeMs + inMs) - this.#frame.leastTripMs;
  }

  /** When to send a command that reaches the store within so long from now, in most cases. */
  inTimeMs(inMs: number): number {
    return this.#clock.now() + inMs - this.#frame.longTripMs - EARLY_MS;
  }
}
