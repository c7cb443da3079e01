// Decides what /readyz says. A gateway that could never have made a call is not ready, so that a
// rollout with wrong keys stops at its first replica. A gateway that was ready stays in service: a
// failure that stops the calls of all replicas must not take all of them away from the callers.
import type { Clock } from "../base/clock.js";
import type { Condition } from "../gateway/account/condition.js";
import type { CallTrend } from "../gateway/account/recent-calls.js";
import type { LedgerMode } from "../gateway/limiter.js";
import type { Readiness } from "../observe/admin/snapshot.js";

/** The part of an account that decides. */
export interface ReadyAccount {
  readonly condition: () => Condition;
  readonly calls: () => Pick<CallTrend, "acceptedMs" | "isProven" | "trouble">;
  readonly mode: () => LedgerMode;
}

export interface ReadinessOptions {
  readonly clock: Clock;
  readonly accounts: () => Iterable<ReadyAccount>;
  /** Whether harmless calls are made at the start; without them nothing has to be proven. */
  readonly isTried: boolean;
}

/**
 * An upstream that does not answer may be out of order for everybody. Replicas that start meanwhile
 * are ready after this time, or none would be once all had been restarted.
 */
const OUTAGE_MS = 60_000;

/** Errors of a wrong address or a wrong certificate: no outage looks like this. */
const WRONG_ADDRESS = /ENOTFOUND|CERT|SELF_SIGNED|ERR_TLS|UNABLE_TO/;

export class ReadinessRule {
  readonly #options: ReadinessOptions;
  #isDraining = false;
  #wasReady = false;
  /** Since when the ledgers are open, and only the upstream is missing. */
  #unprovenSinceMs: number | undefined;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  drain(): void {
    this.#isDraining = true;
  }

  /** To be called often: what it has seen decides whether the gateway stays in service later. */
  now(): Readiness {
    if (this.#isDraining) return "draining";
    const accounts = [...this.#options.accounts()];
    const missing = this.#missing(accounts);
    const isServing = accounts.some((account) => account.calls().acceptedMs > -Infinity);
    this.#wasReady ||= missing === undefined || isServing;
    if (missing) return this.#wasReady ? "degraded" : missing;
    return accounts.some((account) => isInTheWay(account.condition())) ? "degraded" : "ok";
  }

  #missing(accounts: readonly ReadyAccount[]): "away" | "opening" | "unproven" | undefined {
    const { clock, isTried } = this.#options;
    const modes = accounts.map((account) => account.mode());
    if (modes.includes("away")) return "away";
    if (modes.includes("opening")) return "opening";
    const unproven = accounts.map((account) => account.calls()).filter(({ isProven }) => isTried && !isProven);
    if (unproven.length === 0) return undefined;
    this.#unprovenSinceMs ??= clock.now();
    const mayBeOutage = unproven.every(({ trouble }) => trouble !== undefined && isOutage(trouble));
    return mayBeOutage && clock.now() - this.#unprovenSinceMs >= OUTAGE_MS ? undefined : "unproven";
  }
}

function isOutage({ kind, cause }: NonNullable<CallTrend["trouble"]>): boolean {
  return kind === "failing" || (kind === "unanswered" && !WRONG_ADDRESS.test(cause));
}

/** Another user of the quota slows the calls down, and some of them pause them for a second. */
function isInTheWay({ kind, obstacle }: Condition): boolean {
  return obstacle !== "" && kind !== "throttled";
}
