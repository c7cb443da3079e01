// Tracks whether the store can be reached: logs each change for the operator, and decides when to
// try again.
import type { Log } from "../../base/log.js";
import type { Reply } from "./protocol.js";

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 1000;
const TELL_AGAIN_MS = 60_000;
const MOST_CAUSES = 10;

export class Availability {
  readonly #log: Log;
  #epoch: string | undefined;
  #misses = 0;
  #isAway = true;
  #lateMs = -Infinity;
  #cause: string | undefined;
  /** The causes logged since the store was last heard. */
  readonly #causes = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  get isAway(): boolean {
    return this.#isAway;
  }

  /** Why the store is away, as far as known. */
  get cause(): string | undefined {
    return this.#isAway ? this.#cause : undefined;
  }

  /** Records a reply of the store. */
  hear({ epoch, opensInMs, replicas }: Reply): void {
    const isNew = epoch !== this.#epoch;
    if (isNew || this.#isAway) {
      const message = isNew ? "the shared ledger has been joined" : "the shared ledger can be reached again";
      this.#log.info({ opensInMs: Math.ceil(opensInMs), replicas }, message);
    }
    this.#epoch = epoch;
    this.#isAway = false;
    this.#misses = 0;
    if (this.#causes.size > 0) this.#causes.clear();
    this.#cause = undefined;
  }

  /** Records a grant that arrived too late to be used. Logged at most once a minute. */
  late(tookMs: number, nowMs: number): void {
    if (nowMs - this.#lateMs < TELL_AGAIN_MS) return;
    this.#lateMs = nowMs;
    this.#log.warn(
      { tookMs: Math.round(tookMs) },
      "the shared ledger answers too slowly; its grants arrive too late to be used",
    );
  }

  /**
   * Records a missing reply. Logs each cause once. Returns how long to wait before the next
   * attempt.
   */
  miss({ message }: Error): number {
    this.#cause = message;
    if (!this.#causes.has(message) && this.#causes.size < MOST_CAUSES) {
      this.#causes.add(message);
      this.#log.warn({ cause: message }, "the shared ledger cannot be reached");
    }
    this.#isAway = true;
    return Math.min(FIRST_RETRY_MS * 2 ** this.#misses++, LONGEST_RETRY_MS);
  }
}
