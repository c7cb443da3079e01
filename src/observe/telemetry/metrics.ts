// Every metric of the gateway with its unit and meaning, through the OpenTelemetry API only: the other half of
// instruments.ts, which has the spans; gauges.ts and upkeep.ts have what is read and not counted. No attribute holds
// more values than the configuration names: no device, no scope, and of the callers, who can take any name, only those
// that are configured.
import { type Attributes, type Meter, metrics, ValueType } from "@opentelemetry/api";
import { type WatchedAccount, watch } from "./gauges.js";
import { type Upkeep, watchUpkeep } from "./upkeep.js";

const RESULTS = ["accepted", "refused", "throttled", "lost", "unwritten"] as const;
/** The name of all callers that are not configured. */
const OTHER_CALLERS = "other";

/** Those of the semantic conventions, and three more: a request may wait for as long as its deadline allows. */
const RPC_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 25, 50, 100];
const CALL_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const WAIT_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250];
/** What is above 199 is a full call. */
const CALL_DEVICES = [1, 2, 5, 10, 20, 50, 100, 150, 199];

/** How an upstream call ended. */
export interface CallEnding {
  readonly kind: Exclude<(typeof RESULTS)[number], "throttled">;
  readonly throttled: boolean;
  readonly durationMs: number;
}

/** What is told as it happens; an observer of calls among others. */
export interface AccountMetrics {
  sent(call: { readonly devices: number; readonly tokenWaitMs: number }): void;
  ended(call: unknown, end: CallEnding): void;
  /** A request that was let in has been answered. */
  answered(caller: string, outcomes: readonly { readonly kind: string }[]): void;
}

/** Calls that read tasks back: in a quota of their own, and so counted apart. */
export interface ReadMetrics {
  sent(call: unknown): void;
  ended(call: unknown, end: CallEnding): void;
}

export interface Metrics {
  account(name: string): AccountMetrics;
  reads(account: string, operation: string): ReadMetrics;
  /** More callers have been configured. Those that no longer are keep their names: counters never go away. */
  name(callers: Iterable<string>): void;
  /** Reads the gauges of these accounts whenever metrics are collected, until the returned function is called. */
  watch(accounts: ReadonlyMap<string, WatchedAccount>, nowMs: () => number): () => void;
  /** The same for what else has to be looked after. */
  watchUpkeep(upkeep: Upkeep): () => void;
  /** `serverFault`: one of the statuses that are the server's failing. */
  rpcEnded(method: string, status: string, serverFault: boolean, durationMs: number): void;
  /** A connection or an rpc has been refused. The caller bounds the number of addresses. */
  refused(reason: string, address: string): void;
}

/**
 * To be called when the SDK has started: the API has no instruments that would find it later. `outcomes` are all that a
 * device may have.
 */
export function createMetrics(configuredCallers: Iterable<string>, outcomes: readonly string[]): Metrics {
  const meter = metrics.getMeter("ota-gateway");
  const events = createEvents(meter);
  const callers = new Set([...configuredCallers, OTHER_CALLERS]);
  return {
    account: (name) => accountMetrics(name, events, callers, outcomes),
    reads: (account, operation) => readMetrics({ "ota.account": account, "ota.operation": operation }, events),
    name: (more) => {
      for (const caller of more) callers.add(caller);
    },
    watch: (accounts, nowMs) => watch(meter, accounts, nowMs),
    watchUpkeep: (upkeep) => watchUpkeep(meter, upkeep),
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
        "Unwritten: never on its way, and in no quota.",
    }),
    callDuration: meter.createHistogram("ota.call.duration", {
      unit: "s",
      description: "How long an upstream call took. A token comes back one second after that.",
      advice: { explicitBucketBoundaries: CALL_SECONDS },
    }),
    callDevices: meter.createHistogram("ota.call.devices", {
      ...integer,
      unit: "{device}",
      description: "Devices on board of one upstream call.",
      advice: { explicitBucketBoundaries: CALL_DEVICES },
    }),
    reads: meter.createCounter("ota.reads", {
      ...integer,
      unit: "{call}",
      description: "Upstream calls that read tasks or devices and have ended, by operation and result; see ota.calls.",
    }),
    tokenWait: meter.createHistogram("ota.call.token_wait", {
      unit: "s",
      description: "How long the first of those on board of an upstream call had waited when it was sent.",
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
      description: "How long an rpc of OtaService took, the wait for tokens included.",
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
 * Counts devices, thousands of times a second: the SDK would look up a series by its attributes each time, so it only
 * reads what has been counted.
 */
function createDevices(meter: Meter): (attributes: Attributes) => Count {
  const counts: Count[] = [];
  const devices = meter.createObservableCounter("ota.devices", {
    valueType: ValueType.INT,
    unit: "{device}",
    description:
      "Devices of answered requests, by outcome and caller; a device that two asked for counts for both. " +
      "Requests that were not let in are not counted.",
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

/** All series are there from the start: from the first throttle on would be too late for a rate. */
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

function readMetrics(attributes: Attributes, events: Events): ReadMetrics {
  const results = tableOf(RESULTS, (result) => ({ ...attributes, "ota.result": result }));
  for (const result of RESULTS) events.reads.add(0, results[result]);
  return {
    sent: () => {},
    ended: (_, { kind, throttled }) => events.reads.add(1, results[throttled ? "throttled" : kind]),
  };
}

function tableOf<K extends string, V>(keys: readonly K[], of: (key: K) => V): Record<K, V> {
  return Object.fromEntries(keys.map((key) => [key, of(key)])) as Record<K, V>;
}
