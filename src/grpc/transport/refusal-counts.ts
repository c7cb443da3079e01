// Counts what the gRPC port refuses, by reason and by address: in the metrics, and in one line of
// the log every five seconds. The number of addresses is bounded in both.
import { type Clock, every } from "../../base/clock.js";
import type { Log } from "../../base/log.js";

const REPORT_EVERY_MS = 5000;

/** The addresses with the most refusals stand in the line of the log. */
const ADDRESSES_LOGGED = 8;

/** Addresses with a count of their own; all others are counted together. */
const MOST_ADDRESSES = 64;
const OTHERS = "other";

/** Called for each refusal. */
export type CountRefusal = (reason: string, address: string) => void;

export interface RefusalsOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** The counter in the metrics. */
  readonly counted?: CountRefusal | undefined;
}

export class Refusals {
  readonly #options: RefusalsOptions;
  readonly #reasons = new Map<string, number>();
  readonly #addresses = new Map<string, number>();
  /** Addresses with a series of their own. Metrics keep a series forever. */
  readonly #named = new Set<string>();
  readonly #disarm: () => void;

  constructor(options: RefusalsOptions) {
    this.#options = options;
    this.#disarm = every(options.clock, REPORT_EVERY_MS, () => this.#report());
  }

  readonly count: CountRefusal = (reason, address) => {
    add(this.#reasons, reason);
    const isKnown = this.#addresses.has(address) || this.#addresses.size < MOST_ADDRESSES;
    add(this.#addresses, isKnown ? address : OTHERS);
    if (this.#named.size < MOST_ADDRESSES) this.#named.add(address);
    this.#options.counted?.(reason, this.#named.has(address) ? address : OTHERS);
  };

  close(): void {
    this.#disarm();
    this.#report();
  }

  /** One line for all: a refused client comes back at once, and would fill the log. */
  #report(): void {
    if (this.#reasons.size === 0) return;
    const most = [...this.#addresses].toSorted(([, a], [, b]) => b - a).slice(0, ADDRESSES_LOGGED);
    this.#options.log.warn(
      { reasons: Object.fromEntries(this.#reasons), addresses: Object.fromEntries(most) },
      "connections or requests were refused",
    );
    this.#reasons.clear();
    this.#addresses.clear();
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
