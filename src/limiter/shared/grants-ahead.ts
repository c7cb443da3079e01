// The grants that may not be used yet: a call starts no sooner than the store said, whenever the
// grant arrived. A grant that nobody is waiting for any longer, or that a later throttle has
// invalidated, goes back at once.
import type { Clock } from "../../base/clock.js";
import type { Wish } from "../../gateway/limiter.js";
import type { Takers } from "../takers.js";
import type { Granted } from "./holdings.js";

interface Grant extends Granted {
  /** Whether it was asked for by a newcomer. */
  readonly isForNewcomer: boolean;
}

/**
 * A start that the store allowed at the end of a pause may come a little before it by our clock.
 */
const PAUSE_ENDS_MS = 250;

export class GrantsAhead {
  readonly #clock: Clock;
  readonly #takers: Takers;
  readonly #pausedUntilMs: () => number;
  readonly #after: (hasUsed: boolean) => void;
  #grants: Grant[] = [];
  #disarm: () => void = () => {};

  /** `after` is called each time, with whether any was used. */
  constructor(clock: Clock, takers: Takers, pausedUntilMs: () => number, after: (hasUsed: boolean) => void) {
    this.#clock = clock;
    this.#takers = takers;
    this.#pausedUntilMs = pausedUntilMs;
    this.#after = after;
  }

  /** The next wish to ask the store for. A newcomer may start sooner than what was granted. */
  get wanted(): Wish | undefined {
    const { first } = this.#takers;
    const next = this.#takers.nth(this.#grants.length);
    return next ?? (first?.newcomer && !this.#grants.some(({ isForNewcomer }) => isForNewcomer) ? first : undefined);
  }

  add(grant: Grant): void {
    this.#grants.push(grant);
  }

  /** Uses the grants whose time has come. Runs again when the next one is due. */
  use(): void {
    const nowMs = this.#clock.now();
    const pausedUntilMs = this.#pausedUntilMs();
    const overtaken = this.#grants.filter(
      ({ startMs }) => pausedUntilMs > nowMs && startMs < pausedUntilMs - PAUSE_ENDS_MS,
    );
    const fine = this.#grants.filter((grant) => !overtaken.includes(grant));
    const due = fine.filter(({ startMs }) => startMs <= nowMs);
    this.#grants = fine.filter(({ startMs }) => startMs > nowMs);
    for (const { token } of overtaken) token.settle({ kind: "unwritten" });
    for (const { token } of due) {
      if (this.#takers.first) this.#takers.grant(token);
      else token.settle({ kind: "unwritten" });
    }
    const unwanted = this.#grants.filter((_, n) => !this.#takers.nth(n));
    this.#grants = this.#grants.slice(0, this.#grants.length - unwanted.length);
    for (const { token } of unwanted) token.settle({ kind: "unwritten" });
    this.#disarm(); // here, because a grant that goes back has called this again
    const nextMs = Math.min(...this.#grants.map(({ startMs }) => startMs));
    if (nextMs < Infinity) this.#disarm = this.#clock.at(nextMs, () => this.use());
    this.#after(due.length > 0);
  }

  /** Looks again once a taker that has left may have come back with another wish. */
  useSoon(): void {
    this.#clock.at(this.#clock.now(), () => this.use());
  }
}
