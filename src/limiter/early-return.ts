// Decides by how much earlier than a second after its answer a token returns, for one ledger whose
// upstream is asserted to count calls when they arrive. A throttle soon after such a return speaks
// against the assertion: for ten minutes, no token returns early.
import type { Clock } from "../base/clock.js";
import type { Log } from "../base/log.js";
import type { AcceptedCall, CountedOnArrival } from "../gateway/limiter.js";
import { hiddenMs, type TimedAnswer, withAnswer } from "./hidden-time.js";
import type { RoundTrips } from "./round-trips.js";

export interface EarlyReturnOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** To the endpoint of the ledger's calls. */
  readonly roundTrips: Pick<RoundTrips, "recent" | "refresh">;
}

/** How long tokens return a second after the answer, after a throttle. */
export const FALLBACK_MS = 600_000;

/** A throttle of a call sent this soon after a token returned early may be its consequence. */
export const BLAMED_MS = 10_000;

export class EarlyReturn {
  readonly #options: EarlyReturnOptions;
  #answers: readonly TimedAnswer[] = [];
  #hiddenMs = 0;
  #earlyMs = -Infinity;
  #fallbackUntilMs = -Infinity;

  constructor(options: EarlyReturnOptions) {
    this.#options = options;
  }

  get state(): CountedOnArrival {
    return { hiddenMs: this.#hiddenMs, fallbackUntilMs: this.#fallbackUntilMs };
  }

  /** Whether a throttle of a call sent now may be the consequence of an early return. */
  get isBlamed(): boolean {
    return this.#isBlamedAt(this.#options.clock.now());
  }

  /** Learns from an answered call. Returns how much earlier its token returns. */
  answered(accepted: AcceptedCall | undefined): number {
    if (!accepted) return 0; // refused with less work than an accepted call takes
    const { clock, roundTrips } = this.#options;
    const nowMs = clock.now();
    this.#answers = withAnswer(this.#answers, { ...accepted, atMs: nowMs });
    roundTrips.refresh();
    const isRelied = nowMs >= this.#fallbackUntilMs;
    this.#hiddenMs = isRelied ? hiddenMs(accepted.devices, this.#answers, roundTrips.recent, nowMs) : 0;
    if (this.#hiddenMs > 0) this.#earlyMs = nowMs;
    return this.#hiddenMs;
  }

  /**
   * Records a throttle of a call sent at this time. Returns whether the ledger must pause for a
   * second: then every token that returned early has been out for a second after its answer before
   * the next call is sent.
   */
  throttled(sentMs: number): boolean {
    if (!this.#isBlamedAt(sentMs)) return false;
    this.fallBack(FALLBACK_MS);
    return true;
  }

  /** No token returns early for so long, here or because another replica says so. */
  fallBack(forMs: number): void {
    const nowMs = this.#options.clock.now();
    if (forMs <= 0) return;
    if (nowMs >= this.#fallbackUntilMs) {
      this.#options.log.warn(
        { minutes: Math.ceil(forMs / 60_000) },
        "the upstream throttled a call although OTA_QUOTA_COUNTED is arrived; tokens return a second after the answer for a while",
      );
    }
    this.#hiddenMs = 0;
    this.#fallbackUntilMs = Math.max(this.#fallbackUntilMs, nowMs + forMs);
  }

  #isBlamedAt(sentMs: number): boolean {
    return sentMs - this.#earlyMs < BLAMED_MS;
  }
}
