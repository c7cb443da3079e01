// Defines the metrics of operations and of their store. A gateway without a store has none of them.
// Every replica that shares a store reports all of its operations, whichever replica runs them.
import { type Meter, ValueType } from "@opentelemetry/api";

/** An operation that has not ended. Times are the store's. */
export interface WatchedOperation {
  readonly kind: string;
  readonly caller: string;
  readonly state: string;
  /** It waits for `ota-gateway operations resume`. */
  readonly held: boolean;
  readonly createMs: number;
  /** When anything of it was last written. */
  readonly updateMs: number;
  readonly waiting: number;
}

/** The store at its last reading, and its bounds. */
export interface OperationsStanding {
  readonly wallMs: number;
  readonly running: readonly WatchedOperation[];
  readonly storedDevices: number;
  readonly mostStoredDevices: number;
  readonly mostPerCaller: number;
}

export interface OperationMetrics {
  ended(operation: { readonly kind: string; readonly state: string }): void;
  committed(call: string, durationMs: number): void;
  failed(): void;
  deletedOperation(): void;
  /** Reads the gauges at each collection, until the returned function is called. */
  watch(standing: () => OperationsStanding | undefined): () => void;
}

const KINDS = ["cancel-list", "stop-rollout"] as const;
/** Kinds of newer versions. */
const OTHER_KINDS = "other";
const OPEN_STATES = ["running", "stopping", "held"] as const;
const END_STATES = ["done", "stopped", "expired"] as const;
const COMMIT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** To be called when the store is opened. */
export function createOperationMetrics(meter: Meter): OperationMetrics {
  const integer = { valueType: ValueType.INT };
  const ended = meter.createCounter("ota.operations.ended", {
    ...integer,
    unit: "{operation}",
    description: "Operations that this gateway has ended, by kind and state.",
  });
  const deleted = meter.createCounter("ota.operations.deleted", {
    ...integer,
    unit: "{operation}",
    description: "Operations that this gateway has deleted with their results, because their retention was over.",
  });
  const failures = meter.createCounter("ota.store.failures", {
    ...integer,
    unit: "{call}",
    description: "Calls of the store of operations that failed because it could not be reached or written.",
  });
  const commits = meter.createHistogram("ota.store.commit.duration", {
    unit: "s",
    description: "Duration of a call that commits something of an operation, by call.",
    advice: { explicitBucketBoundaries: COMMIT_SECONDS },
  });
  deleted.add(0);
  failures.add(0);
  for (const kind of KINDS) for (const state of END_STATES) ended.add(0, attributesOf(kind, state));
  return {
    ended: ({ kind, state }) => ended.add(1, attributesOf(kindOf(kind), state)),
    committed: (call, durationMs) => commits.record(durationMs / 1000, { "ota.store.call": call }),
    failed: () => failures.add(1),
    deletedOperation: () => deleted.add(1),
    watch: (standing) => watchGauges(meter, standing),
  };
}

function watchGauges(meter: Meter, standing: () => OperationsStanding | undefined): () => void {
  const gauge = (name: string, unit: string, description: string) =>
    meter.createObservableGauge(name, { unit, description });
  const operations = gauge(
    "ota.operations",
    "{operation}",
    "Operations that have not ended, by kind and state. Held: found in a restored copy of the store.",
  );
  const devices = gauge("ota.operations.devices", "{device}", "Devices without an outcome, of operations by kind.");
  const oldest = gauge("ota.operations.oldest_age", "s", "Age of the oldest operation that has not ended.");
  const idle = gauge(
    "ota.operations.idle_age",
    "s",
    "Longest time for which nothing was written of an operation that has not ended.",
  );
  const ofCaller = gauge(
    "ota.operations.caller_most",
    "{operation}",
    "Operations that have not ended of the caller that has most of them.",
  );
  const callerLimit = gauge("ota.operations.caller_limit", "{operation}", "Limit on operations of one caller.");
  const stored = gauge("ota.store.devices", "{device}", "Devices of all stored operations, ended ones included.");
  const capacity = gauge("ota.store.capacity", "{device}", "Limit on devices of all stored operations.");

  const all = [operations, devices, oldest, idle, ofCaller, callerLimit, stored, capacity];
  const observe: Parameters<Meter["addBatchObservableCallback"]>[0] = (result) => {
    const now = standing();
    if (!now) return;
    const { running, wallMs } = now;
    const isOtherOpen = running.some(({ kind }) => kindOf(kind) === OTHER_KINDS);
    for (const kind of isOtherOpen ? [...KINDS, OTHER_KINDS] : KINDS) {
      const ofKind = running.filter((each) => kindOf(each.kind) === kind);
      for (const state of OPEN_STATES) {
        const count = ofKind.filter((each) => stateOf(each) === state).length;
        result.observe(operations, count, attributesOf(kind, state));
      }
      const waiting = ofKind.reduce((sum, each) => sum + each.waiting, 0);
      result.observe(devices, waiting, { "ota.operation.kind": kind });
    }
    result.observe(
      oldest,
      longestSince(wallMs, running, ({ createMs }) => createMs),
    );
    result.observe(
      idle,
      longestSince(wallMs, running, ({ updateMs }) => updateMs),
    );
    result.observe(ofCaller, mostOfOneCaller(running));
    result.observe(callerLimit, now.mostPerCaller);
    result.observe(stored, now.storedDevices);
    result.observe(capacity, now.mostStoredDevices);
  };
  meter.addBatchObservableCallback(observe, all);
  return () => meter.removeBatchObservableCallback(observe, all);
}

function attributesOf(kind: string, state: string) {
  return { "ota.operation.kind": kind, "ota.operation.state": state };
}

/** The version of the stored format says nothing to an operator. */
function kindOf(kind: string): string {
  return KINDS.find((known) => kind.startsWith(`${known}/`)) ?? OTHER_KINDS;
}

function stateOf({ held, state }: WatchedOperation): string {
  return held ? "held" : state;
}

/** In seconds; 0 if there is none. The clock of the store may be ahead. */
function longestSince(
  wallMs: number,
  running: readonly WatchedOperation[],
  since: (operation: WatchedOperation) => number,
): number {
  return running.reduce((longest, each) => Math.max(longest, (wallMs - since(each)) / 1000), 0);
}

function mostOfOneCaller(running: readonly WatchedOperation[]): number {
  const counts = new Map<string, number>();
  for (const { caller } of running) counts.set(caller, (counts.get(caller) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}
