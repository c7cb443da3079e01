// Defines the metrics that are read at each collection: the state of every account at that moment.
import type { Attributes, Meter } from "@opentelemetry/api";

const PRIORITIES = ["urgent", "normal", "bulk"] as const;
/** As gateway/account/condition.ts has them; this folder knows nothing of the gateway. */
const STATES = [
  "canceling",
  "idle",
  "unproven",
  "opening",
  "ledger-away",
  "throttled",
  "refused",
  "forbidden",
  "failing",
  "no-answers",
  "keys-refused",
  "stalled",
] as const;
const MODES = ["in-process", "shared", "opening", "away"] as const;

/** The state of an account. Times are monotonic. */
export interface AccountStanding {
  readonly condition: { readonly kind: (typeof STATES)[number] };
  readonly ledger: {
    readonly mode: (typeof MODES)[number];
    readonly callsPerSecond: number;
    /** Includes withheld tokens. */
    readonly free: number;
    readonly inFlightSinceMs: readonly number[];
    readonly withheld: number;
    readonly pausedUntilMs: number;
    /** If calls are asserted to be counted when they arrive. */
    readonly arrived?: { readonly hiddenMs: number; readonly fallbackUntilMs: number };
    readonly replicas?: number;
  };
  readonly waitingDevices: Readonly<Record<(typeof PRIORITIES)[number], number>>;
  readonly waitingByCaller: ReadonlyMap<string, number>;
  readonly expectedWaitMs: Readonly<Record<(typeof PRIORITIES)[number], number>>;
  readonly oldestSinceMs: number | undefined;
}

/** An account whose gauges can be read. */
export interface WatchedAccount {
  readonly maxQueuedDevices: number;
  readonly standing: () => AccountStanding;
}

/** Reads the gauges of these accounts until the returned function is called. */
export function watchAccounts(
  meter: Meter,
  accounts: ReadonlyMap<string, WatchedAccount>,
  nowMs: () => number,
): () => void {
  const gauge = (name: string, unit: string, description: string) =>
    meter.createObservableGauge(name, { unit, description });
  const queueDevices = gauge(
    "ota.queue.devices",
    "{device}",
    "Waiting devices, by priority; counted once for each request.",
  );
  const queueCapacity = gauge("ota.queue.capacity", "{device}", "Limit on waiting devices.");
  const queueCallers = gauge("ota.queue.callers", "{caller}", "Callers with waiting devices.");
  const expectedWait = gauge(
    "ota.queue.expected_wait",
    "s",
    "Expected wait of a new request of one device, by priority; absent if unknown.",
  );
  const oldestAge = gauge("ota.queue.oldest_age", "s", "Time that the oldest unanswered request has waited.");
  const tokens = gauge("ota.tokens", "{token}", "Tokens by state; their sum is the calls a second allowed.");
  const rate = gauge("ota.quota.rate", "{call}/s", "Calls a second that the account is allowed.");
  const pause = gauge("ota.quota.pause", "s", "Remaining time of the pause after a throttle; 0 if not paused.");
  const hidden = gauge(
    "ota.quota.hidden",
    "s",
    "How much earlier than a second after its answer the token of the last call returned; only with OTA_QUOTA_COUNTED=arrived.",
  );
  const fallback = gauge(
    "ota.quota.fallback",
    "s",
    "Remaining time for which no token returns early, after a throttle; only with OTA_QUOTA_COUNTED=arrived.",
  );
  const accountState = gauge(
    "ota.account.state",
    "{state}",
    "1 for the state that the account is in, 0 for the others: whether devices are canceled, and if not, why.",
  );
  const mode = gauge("ota.ledger.mode", "{mode}", "1 for the mode that the ledger is in, 0 for the others.");
  const replicas = gauge("ota.ledger.replicas", "{replica}", "Gateways that share the ledger, if it is shared.");

  const all = [queueDevices, queueCapacity, queueCallers, expectedWait, oldestAge];
  all.push(tokens, rate, pause, hidden, fallback, accountState, mode, replicas);
  const observe: Parameters<Meter["addBatchObservableCallback"]>[0] = (result) => {
    for (const [account, { maxQueuedDevices, standing }] of accounts) {
      const { condition, ledger, waitingDevices, waitingByCaller, expectedWaitMs, oldestSinceMs } = standing();
      const attributes: Attributes = { "ota.account": account };
      const now = nowMs();
      for (const priority of PRIORITIES) {
        const ofPriority = { ...attributes, "ota.priority": priority };
        result.observe(queueDevices, waitingDevices[priority], ofPriority);
        const waitMs = expectedWaitMs[priority];
        if (Number.isFinite(waitMs)) result.observe(expectedWait, waitMs / 1000, ofPriority);
      }
      result.observe(queueCapacity, maxQueuedDevices, attributes);
      result.observe(queueCallers, waitingByCaller.size, attributes);
      result.observe(oldestAge, oldestSinceMs === undefined ? 0 : (now - oldestSinceMs) / 1000, attributes);
      for (const [state, count] of Object.entries(tokenStates(ledger))) {
        result.observe(tokens, count, { ...attributes, "ota.token.state": state });
      }
      result.observe(rate, ledger.callsPerSecond, attributes);
      result.observe(pause, Math.max(0, ledger.pausedUntilMs - now) / 1000, attributes);
      if (ledger.arrived) {
        result.observe(hidden, ledger.arrived.hiddenMs / 1000, attributes);
        result.observe(fallback, Math.max(0, ledger.arrived.fallbackUntilMs - now) / 1000, attributes);
      }
      for (const each of STATES) {
        result.observe(accountState, each === condition.kind ? 1 : 0, { ...attributes, "ota.state": each });
      }
      for (const each of MODES) {
        result.observe(mode, each === ledger.mode ? 1 : 0, { ...attributes, "ota.ledger.mode": each });
      }
      if (ledger.replicas !== undefined) result.observe(replicas, ledger.replicas, attributes);
    }
  };
  meter.addBatchObservableCallback(observe, all);
  return () => meter.removeBatchObservableCallback(observe, all);
}

/**
 * Withheld tokens are free ones that are not used. The rest, neither free nor in flight, is on its
 * way back.
 */
function tokenStates({ callsPerSecond, free, inFlightSinceMs, withheld }: AccountStanding["ledger"]) {
  const inFlight = inFlightSinceMs.length;
  const leftAlone = Math.min(withheld, free);
  return {
    free: free - leftAlone,
    "in-flight": inFlight,
    cooling: Math.max(0, callsPerSecond - free - inFlight),
    withheld: leftAlone,
  };
}
