// Counts what happened, for tests and users. `worstSecond` is the figure that a sender is judged
// by: the largest number of arrivals in any second, wherever it begins, including refused ones.
// Memory does not grow with time.
import type { Clock } from "../base/clock.js";
import { LastSecond } from "./last-second.js";

export interface CallCounts {
  /** Calls of a known operation with a valid signature, including throttled ones. */
  readonly arrivals: number;
  /** Arrivals within the quota. */
  readonly admitted: number;
  /**
   * Refusals by code, whether by the POP gateway (including bad signatures, which are no arrivals)
   * or by the service.
   */
  readonly refused: Readonly<Record<string, number>>;
  /** Calls carried out with `Success: true`. */
  readonly succeeded: number;
  /** Mean number of distinct devices in successful calls; 0 without any. */
  readonly devicesPerCall: number;
  /** Most arrivals in any half-open window of 1.000 s. */
  readonly worstSecond: number;
  /** Wall clock of the first and the last arrival; null before there is one. */
  readonly firstArrivalEpochMs: number | null;
  readonly lastArrivalEpochMs: number | null;
  /** Monotonic time between them. */
  readonly spanMs: number;
  /**
   * Mean time from a call's headers to its written answer, including the emulated transit; 0
   * without any.
   */
  readonly meanAnswerMs: number;
}

export class Statistics {
  readonly #clock: Clock;
  readonly #lastSecond = new LastSecond();
  readonly #refused = new Map<string, number>();
  #first: Arrival | undefined;
  #last: Arrival | undefined;
  #arrivals = 0;
  #admitted = 0;
  #succeeded = 0;
  #devices = 0;
  #worstSecond = 0;
  #answered = 0;
  #answeringMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  arrived(nowMs: number): void {
    this.#arrivals++;
    this.#lastSecond.add(nowMs);
    this.#worstSecond = Math.max(this.#worstSecond, this.#lastSecond.size);
    this.#last = { nowMs, epochMs: this.#clock.wallNow() };
    this.#first ??= this.#last;
  }

  admitted(): void {
    this.#admitted++;
  }

  succeeded(devices: number): void {
    this.#succeeded++;
    this.#devices += devices;
  }

  refused(code: string): void {
    this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
  }

  answered(tookMs: number): void {
    this.#answered++;
    this.#answeringMs += tookMs;
  }

  counts(): CallCounts {
    return {
      arrivals: this.#arrivals,
      admitted: this.#admitted,
      refused: Object.fromEntries(this.#refused),
      succeeded: this.#succeeded,
      devicesPerCall: this.#devices / Math.max(1, this.#succeeded),
      worstSecond: this.#worstSecond,
      firstArrivalEpochMs: this.#first?.epochMs ?? null,
      lastArrivalEpochMs: this.#last?.epochMs ?? null,
      spanMs: this.#first && this.#last ? this.#last.nowMs - this.#first.nowMs : 0,
      meanAnswerMs: this.#answeringMs / Math.max(1, this.#answered),
    };
  }
}

interface Arrival {
  readonly nowMs: number;
  readonly epochMs: number;
}
