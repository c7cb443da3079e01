// Counts what the gRPC port refuses, by reason and by address, so that the operator sees who does it: in the metrics,
// and in one line of the log every five seconds. The number of addresses is bounded in both.
import type { Clock } from "../../base/clock.js";
import type { Log } from "../../base/log.js";

const REPORT_EVERY_MS = 5000;

/** Addresses in one line of the log, those with the most refusals. */
const ADDRESSES_TOLD = 8;

/** Addresses that are counted each; all others are counted together. */
const MOST_ADDRESSES = 64;
const OTHERS = "other";

/** Told of each refusal. */
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
  /** Metrics keep every series for good: these addresses have one, in order of appearance. */
  readonly #named = new Set<string>();
  #disarm = () => {};

  constructor(options: RefusalsOptions) {
    this.#options = options;
    this.#arm();
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

  #arm(): void {
    const { clock } = this.#options;
    this.#disarm = clock.at(clock.now() + REPORT_EVERY_MS, () => {
      this.#report();
      this.#arm();
    });
  }

  /** One line for all of them: a client that is refused comes back at once, and would fill the log. */
  #report(): void {
    if (this.#reasons.size === 0) return;
    const most = [...this.#addresses].toSorted(([, a], [, b]) => b - a).slice(0, ADDRESSES_TOLD);
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
