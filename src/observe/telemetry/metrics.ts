// Defines every metric of the gateway with its unit and meaning, through the OpenTelemetry API
// only: operation-metrics.ts has those of operations, and what is read rather than counted is in
// the files of gauges. No attribute has more values than the configuration has names: no device, no
// scope, and only configured callers, because a caller can take any name.
import { type Attributes, type Counter, type Meter, metrics, ValueType } from "@opentelemetry/api";
import { type WatchedAccount, watchAccounts } from "./account-gauges.js";
import { createOperationMetrics, type OperationMetrics } from "./operation-metrics.js";
import { watchProcess } from "./process-gauges.js";
import { type SecurityReadings, watchSecurity } from "./security-gauges.js";

const RESULTS = ["accepted", "refused", "throttled", "lost", "unwritten"] as const;
/** The name of all callers that are not configured. */
const OTHER_CALLERS = "other";

/**
 * The boundaries of the semantic conventions plus three, because a request may wait as long as its
 * deadline allows.
 */
const RPC_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 25, 50, 100];
const CALL_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const WAIT_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250];
/** Above 199, a call is full. */
const CALL_DEVICES = [1, 2, 5, 10, 20, 50, 100, 150, 199];

/** How an upstream call ended. */
export interface CallEnding {
  readonly kind: Exclude<(typeof RESULTS)[number], "throttled">;
  readonly throttled: boolean;
  readonly durationMs: number;
}

/** Counts what happens in an account; one of the observers of calls. */
export interface AccountMetrics {
  sent(call: { readonly devices: number; readonly tokenWaitMs: number }): void;
  ended(call: unknown, end: CallEnding): void;
  /** An admitted request has been answered. */
  answered(caller: string, outcomes: readonly { readonly kind: string }[]): void;
}

/** Calls that read, or that cancel whole batches: each operation has a quota of its own. */
export interface ReadMetrics {
  sent(call: unknown): void;
  ended(call: unknown, end: CallEnding): void;
}

export interface Metrics {
  account(name: string): AccountMetrics;
  reads(account: string, operation: string): ReadMetrics;
  /** Calls that cancel whole batches, or their strategies. */
  jobCalls(account: string, operation: string): ReadMetrics;
  /** To be called when the store of operations is opened. */
  operations(): OperationMetrics;
  /**
   * Adds configured callers. Callers that are no longer configured keep their names, because
   * counters never go away.
   */
  name(callers: Iterable<string>): void;
  /**
   * Reads the gauges of these accounts at each collection, until the returned function is called.
   */
  watch(accounts: ReadonlyMap<string, WatchedAccount>, nowMs: () => number): () => void;
  /** The same for the audit log, the certificate and the keys. */
  watchSecurity(readings: SecurityReadings): () => void;
  /** The same for the process. */
  watchProcess(version: string, nowMs: () => number): () => void;
  /** `serverFault`: the status is one that means a failure of the server. */
  rpcEnded(method: string, status: string, serverFault: boolean, durationMs: number): void;
  /** A connection or an rpc has been refused. The caller bounds the number of addresses. */
  refused(reason: string, address: string): void;
}

/**
 * To be called after the SDK has started, because the API does not attach existing instruments to
 * it. `outcomes` lists every outcome of a device.
 */
export function createMetrics(configuredCallers: Iterable<string>, outcomes: readonly string[]): Metrics {
  const meter = metrics.getMeter("ota-gateway");
  const events = createEvents(meter);
  const callers = new Set([...configuredCallers, OTHER_CALLERS]);
  return {
    account: (name) => accountMetrics(name, events, callers, outcomes),
    reads: (account, operation) => readMetrics({ "ota.account": account, "ota.operation": operation }, events.reads),
    jobCalls: (account, operation) =>
      readMetrics({ "ota.account": account, "ota.operation": operation }, events.jobCalls),
    operations: () => createOperationMetrics(meter),
    name: (more) => {
      for (const caller of more) callers.add(caller);
    },
    watch: (accounts, nowMs) => watchAccounts(meter, accounts, nowMs),
    watchSecurity: (readings) => watchSecurity(meter, readings),
    watchProcess: (version, nowMs) => watchProcess(meter, version, nowMs),
    refused: (reason, address) => events.refusals.add(1, { "ota.reason": reason, "client.address": address }),
    rpcEnded(method, status, serverFault, durationMs) {
      events.rpcDuration.record(durationMs / 1000, {
        "rpc.system.name": "grpc",
        "rpc.method": method,
        "rpc.status_code": status,
        ...(serverFault && { "error.type": status }),
      });
    },
  };
}

type Events = ReturnType<typeof createEvents>;

function createEvents(meter: Meter) {
  const integer = { valueType: ValueType.INT };
  return {
    calls: meter.createCounter("ota.calls", {
      ...integer,
      unit: "{call}",
      description:
        "Upstream calls that have ended, by result. Throttled: refused for rate. Lost: sent and not answered. " +
        "Unwritten: never sent, and in no quota.",
    }),
    callDuration: meter.createHistogram("ota.call.duration", {
      unit: "s",
      description: "Duration of an upstream call. Its token comes back one second after its end.",
      advice: { explicitBucketBoundaries: CALL_SECONDS },
    }),
    callDevices: meter.createHistogram("ota.call.devices", {
      ...integer,
      unit: "{device}",
      description: "Devices in one upstream call.",
      advice: { explicitBucketBoundaries: CALL_DEVICES },
    }),
    reads: meter.createCounter("ota.reads", {
      ...integer,
      unit: "{call}",
      description:
        "Upstream calls that read tasks, devices or batches and have ended, by operation and result; see ota.calls.",
    }),
    jobCalls: meter.createCounter("ota.job_calls", {
      ...integer,
      unit: "{call}",
      description:
        "Upstream calls that cancel a whole batch or its strategy and have ended, by operation and result; see ota.calls.",
    }),
    tokenWait: meter.createHistogram("ota.call.token_wait", {
      unit: "s",
      description: "Time that the longest waiting device of an upstream call had waited when the call was sent.",
      advice: { explicitBucketBoundaries: WAIT_SECONDS },
    }),
    refusals: meter.createCounter("ota.refusals", {
      ...integer,
      unit: "{refusal}",
      description:
        "Connections and rpcs that the gRPC port refused or ended, by reason and by address; addresses beyond 64 are other.",
    }),
    devices: createDevices(meter),
    rpcDuration: meter.createHistogram("rpc.server.call.duration", {
      unit: "s",
      description: "Duration of an rpc of OtaService, including the wait for tokens.",
      advice: { explicitBucketBoundaries: RPC_SECONDS },
    }),
  };
}

/** One series of a counter. */
interface Count {
  readonly attributes: Attributes;
  value: number;
}

/**
 * Counts devices, thousands of times a second. The SDK would look up a series by its attributes
 * each time, so the SDK only reads these counts.
 */
function createDevices(meter: Meter): (attributes: Attributes) => Count {
  const counts: Count[] = [];
  const devices = meter.createObservableCounter("ota.devices", {
    valueType: ValueType.INT,
    unit: "{device}",
    description:
      "Devices of answered requests, by outcome and caller; a device that two callers asked for counts for both. " +
      "Requests that were not admitted are not counted.",
  });
  devices.addCallback((result) => {
    for (const { attributes, value } of counts) result.observe(value, attributes);
  });
  return (attributes) => {
    const count = { attributes, value: 0 };
    counts.push(count);
    return count;
  };
}

/**
 * Creates all series at the start, because a series that begins with the first throttle has no
 * rate.
 */
function accountMetrics(
  account: string,
  events: Events,
  callers: ReadonlySet<string>,
  outcomes: readonly string[],
): AccountMetrics {
  const attributes = { "ota.account": account };
  const results = tableOf(RESULTS, (result) => ({ ...attributes, "ota.result": result }));
  for (const result of RESULTS) events.calls.add(0, results[result]);
  const countsByCaller = new Map<string, Record<string, Count>>();
  const countsOf = (caller: string) => {
    let counts = countsByCaller.get(caller);
    if (!counts) {
      counts = tableOf(outcomes, (outcome) =>
        events.devices({ ...attributes, "ota.caller": caller, "ota.outcome": outcome }),
      );
      countsByCaller.set(caller, counts);
    }
    return counts;
  };
  for (const caller of callers) countsOf(caller);
  return {
    sent({ devices, tokenWaitMs }) {
      events.callDevices.record(devices, attributes);
      events.tokenWait.record(tokenWaitMs / 1000, attributes);
    },
    ended(_, { kind, throttled, durationMs }) {
      const ofResult = results[throttled ? "throttled" : kind];
      events.calls.add(1, ofResult);
      events.callDuration.record(durationMs / 1000, ofResult);
    },
    answered(caller, ended) {
      const counts = countsOf(callers.has(caller) ? caller : OTHER_CALLERS);
      for (const { kind } of ended) {
        const count = counts[kind];
        if (count) count.value++;
      }
    },
  };
}

function readMetrics(attributes: Attributes, counter: Counter): ReadMetrics {
  const results = tableOf(RESULTS, (result) => ({ ...attributes, "ota.result": result }));
  for (const result of RESULTS) counter.add(0, results[result]);
  return {
    sent: () => {},
    ended: (_, { kind, throttled }) => counter.add(1, results[throttled ? "throttled" : kind]),
  };
}

function tableOf<K extends string, V>(keys: readonly K[], of: (key: K) => V): Record<K, V> {
  return Object.fromEntries(keys.map((key) => [key, of(key)])) as Record<K, V>;
}
