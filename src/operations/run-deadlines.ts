// The moments that bound a run: its time to live, its lease, and a pause. Nothing is sent that
// could reach the network after the operation has expired, or after another holder may have the
// lease.
import type { Clock } from "../base/clock.js";
import type { Leased } from "./store.js";

export interface RunDeadlinesOptions {
  readonly clock: Clock;
  /** The run is over, and no timer is set any more. */
  readonly over: AbortSignal;
  /** The time to live has passed. */
  readonly expired: () => void;
  /** The lease is about to end. */
  readonly lapsed: () => void;
  /** Something is over, a pause included. */
  readonly passed: () => void;
}

/** Nothing is sent from so long before another holder may have the lease. */
const LEASE_MARGIN_MS = 5000;

/** From the cut of a batch to the network. */
const SEND_MARGIN_MS = 100;

/** How long tasks may be read back after the time to live. */
export const READING_GRACE_MS = 60_000;

export class RunDeadlines {
  readonly #options: RunDeadlinesOptions;
  #expireMs = Infinity;
  #leaseUntilMs = 0;
  #pausedUntilMs = -Infinity;
  #disarm: () => void = () => {};

  constructor(options: RunDeadlinesOptions) {
    this.#options = options;
  }

  get isPaused(): boolean {
    return this.#options.clock.now() < this.#pausedUntilMs;
  }

  get sendUntilMs(): number {
    if (this.isPaused) return -Infinity;
    return Math.min(this.#expireMs - SEND_MARGIN_MS, this.#leaseUntilMs - LEASE_MARGIN_MS);
  }

  get readUntilMs(): number {
    return this.#expireMs + READING_GRACE_MS;
  }

  /** To be armed after this. `askedMs`: when the lease was asked for. */
  renewed({ record, nowMs, untilMs }: Leased, askedMs: number): void {
    // The earliest of all estimates, because the store's clock may stand still or be set back.
    this.#expireMs = Math.min(this.#expireMs, askedMs + record.expireMs - nowMs);
    this.#leaseUntilMs = askedMs + untilMs - nowMs;
  }

  /** To be armed after this. */
  pause(forMs: number): void {
    this.#pausedUntilMs = this.#options.clock.now() + forMs;
  }

  /** Carries out what is due, and sets the timer to the next moment at which something is over. */
  arm(): void {
    const { clock, over, expired, lapsed, passed } = this.#options;
    this.disarm();
    const nowMs = clock.now();
    const lapseMs = this.#leaseUntilMs - LEASE_MARGIN_MS;
    if (nowMs >= this.#expireMs) expired();
    else if (nowMs >= lapseMs) lapsed();
    const nextMs = Math.min(...[this.#expireMs, lapseMs, this.#pausedUntilMs].filter((each) => each > nowMs));
    if (nextMs === Infinity || over.aborted) return;
    this.#disarm = clock.at(nextMs, () => {
      this.arm();
      passed();
    });
  }

  disarm(): void {
    this.#disarm();
  }
}
