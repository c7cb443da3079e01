// A clock turned by hand. Time stands still until a test advances it.
import type { Clock } from "../../src/base/clock.js";

/** Turns of the event loop in which what this process sends itself is read and answered. */
const TURNS = 20;

export class HandClock implements Clock {
  #nowMs: number;
  readonly #wallAtZeroMs: number;
  readonly #timers = new Set<{ timeMs: number; run: () => void }>();

  readonly #idle: () => Promise<void>;

  /** `idle` resolves when nothing settles by itself any more, such as a query of a server. */
  constructor({ nowMs = 0, wallMs = Date.UTC(2026, 0, 1), idle = settle } = {}) {
    this.#nowMs = nowMs;
    this.#idle = idle;
    this.#wallAtZeroMs = wallMs - nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  wallNow(): number {
    return this.#wallAtZeroMs + this.#nowMs;
  }

  at(timeMs: number, run: () => void): () => void {
    const timer = { timeMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Number of timers set; a test of clean-up expects none. */
  get armed(): number {
    return this.#timers.size;
  }

  /** Runs what is due within `ms`, in order of time, and lets promises settle after each timer. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await this.#idle();
    for (;;) {
      const next = this.#next();
      if (!next || next.timeMs > untilMs) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.timeMs);
      next.run();
      await this.#idle();
    }
    this.#nowMs = untilMs;
    await this.#idle();
  }

  /** Advances in steps until the condition holds. After each step, sockets are read. */
  async advanceUntil(stepMs: number, holds: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await holds())) {
      await this.advance(stepMs);
      for (let turn = 0; turn < TURNS; turn++) await settle();
    }
  }

  /** The timer that is due first; of equals, the one that was set first. */
  #next() {
    let next: { timeMs: number; run: () => void } | undefined;
    for (const timer of this.#timers) if (!next || timer.timeMs < next.timeMs) next = timer;
    return next;
  }
}

/** Lets every promise that can settle do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
