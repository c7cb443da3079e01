// Logs each change of an account's state, in the words that the page, GetQuota and /readyz use.
import type { Clock } from "../base/clock.js";
import type { Log } from "../base/log.js";
import type { Condition } from "../gateway/account/condition.js";

export class ConditionLog {
  readonly #clock: Clock;
  readonly #log: Log;
  /** The obstacle of each account that has one, and since when. */
  readonly #open = new Map<
    string,
    Pick<Condition, "isForeseeable"> & { readonly state: Condition["kind"]; readonly sinceMs: number }
  >();

  readonly #begun = new Set<string>();

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** To be called often. */
  note(account: string, { kind: state, obstacle, trouble, isForeseeable }: Condition): void {
    // Every ledger opens at the start.
    if (state === "opening" && !this.#begun.has(account)) return;
    this.#begun.add(account);
    const open = this.#open.get(account);
    if (obstacle === "") {
      // With other users of the quota, calls pause for a second at a time.
      if (!open || state === open.state) return;
      this.#open.delete(account);
      const lastedMs = Math.round(this.#clock.now() - open.sinceMs);
      this.#log.info({ account, state, was: open.state, lastedMs }, "the state of the account is good again");
      return;
    }
    if (open?.state === state && (isForeseeable || !open.isForeseeable)) return;
    this.#open.set(account, { state, isForeseeable, sinceMs: open?.sinceMs ?? this.#clock.now() });
    const callers = trouble && trouble.callers.length > 0 ? { callers: trouble.callers } : {};
    this.#log.warn({ account, state, obstacle, ...callers }, "nothing is carried out at the moment");
  }
}
