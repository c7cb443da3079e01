// Creates the ledgers of an account: one for each operation, because each has a quota of its own at
// the upstream. With a store they are shared by all replicas.
import type { Clock } from "../base/clock.js";
import { type Log, withFields } from "../base/log.js";
import type { Config } from "../config/config.js";
import type { AccountSettings } from "../config/file.js";
import { OPERATION_QUOTAS, type QuotaOperation } from "../config/upstream-quotas.js";
import type { Limiter } from "../gateway/limiter.js";
import { EarlyReturn } from "../limiter/early-return.js";
import { createInProcessLedger } from "../limiter/in-process.js";
import { createLazyLedger } from "../limiter/lazy.js";
import type { RoundTrips } from "../limiter/round-trips.js";
import type { Store } from "../limiter/shared/store.js";

export interface LedgerOptions {
  /** The account. */
  readonly name: string;
  readonly settings: AccountSettings;
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  /** Where ledgers are, by name; undefined for ledgers in this process. */
  readonly storeOf: ((name: string) => Store) | undefined;
  /** The name of this process among those that share the ledger. */
  readonly replica: string;
  /** Present if calls are asserted to be counted when they arrive, and the way can be measured. */
  readonly roundTrips?: RoundTrips | undefined;
}

/** A shared ledger that is rarely used is closed after this time without calls. */
const CLOSED_AFTER_MS = 30_000;

/** Opens the ledger of an operation; without one, that of CancelOTATaskByDevice. */
export async function openLedger(options: LedgerOptions, operation?: QuotaOperation): Promise<Limiter> {
  return (await ledgersOf(options, operation)).open();
}

/** The same for an operation that is rarely used: nothing is open before its first call. */
export async function openLazyLedger(options: LedgerOptions, operation: QuotaOperation): Promise<Limiter> {
  const { clock, storeOf } = options;
  const ledgers = await ledgersOf(options, operation);
  if (!storeOf) return createLazyLedger({ ...ledgers, clock, mode: "in-process", quietMs: undefined });
  const ledger = createLazyLedger({ ...ledgers, clock, mode: "shared", quietMs: CLOSED_AFTER_MS });
  void ledger.greet();
  return ledger;
}

async function ledgersOf(options: LedgerOptions, operation: QuotaOperation | undefined) {
  const { name: account, settings, config, clock, log, storeOf, replica, roundTrips } = options;
  const { upstreamTimeoutMs: callTimeoutMs, onStoreLoss } = config;
  // A colon is in no account's name.
  const name = operation ? `${account}:${operation}` : account;
  const callsPerSecond = operation
    ? (settings.quotas?.[operation] ?? OPERATION_QUOTAS[operation])
    : settings.callsPerSecond;
  const common = () => ({
    ...{ clock, callsPerSecond, callTimeoutMs },
    early:
      roundTrips &&
      new EarlyReturn({
        clock,
        roundTrips,
        log: withFields(log, { account, operation: operation ?? "CancelOTATaskByDevice" }),
      }),
  });
  const sinceMs = clock.now();
  if (!storeOf) return { callsPerSecond, open: () => createInProcessLedger({ ...common(), sinceMs }) };
  const { createSharedLedger } = await import("../limiter/shared/ledger.js");
  const shared = { store: storeOf(name), log: withFields(log, { account: name }), onStoreLoss };
  let opened = 0;
  // Each ledger names its tokens from 1, so that it needs a name of its own.
  const nameOf = (nth: number) => (nth === 0 ? replica : `${replica}-${nth}`);
  return { callsPerSecond, open: () => createSharedLedger({ ...common(), ...shared, replica: nameOf(opened++) }) };
}
