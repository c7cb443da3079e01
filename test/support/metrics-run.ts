// Instruments behind a real SDK, without a gateway, and a run in which each of them is used. The
// SDK is global, so each test file has one.
import { metrics } from "@opentelemetry/api";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { OUTCOMES } from "../../src/gateway/device-outcome.js";
import type { AccountStanding } from "../../src/observe/telemetry/account-gauges.js";
import { createMetrics, type Metrics } from "../../src/observe/telemetry/metrics.js";
import type { WatchedOperation } from "../../src/observe/telemetry/operation-metrics.js";
import { createScrape } from "../../src/observe/telemetry/prometheus.js";
import { type Family, parsePrometheus } from "./prometheus-text.js";

export interface Measured {
  readonly metrics: Metrics;
  read(): Promise<Map<string, Family>>;
}

export function measured(callers: readonly string[] = []): Measured {
  const scrape = createScrape();
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [scrape.reader] }));
  return { metrics: createMetrics(callers, OUTCOMES), read: async () => parsePrometheus((await scrape.read()).body) };
}

const CALL = { kind: "accepted", throttled: false, durationMs: 30 } as const;

/** A busy account, with default values for everything that a test does not care about. */
export function aStanding(more: Partial<AccountStanding["ledger"]> = {}): AccountStanding {
  return {
    condition: { kind: "canceling" },
    ledger: {
      mode: "shared",
      callsPerSecond: 10,
      free: 4,
      inFlightSinceMs: [900, 950, 990],
      withheld: 1,
      pausedUntilMs: 1500,
      replicas: 2,
      ...more,
    },
    waitingDevices: { urgent: 1, normal: 20, bulk: 300 },
    waitingByCaller: new Map([
      ["a", 1],
      ["b", 320],
    ]),
    expectedWaitMs: { urgent: 100, normal: 200, bulk: Infinity },
    oldestSinceMs: 250,
  };
}

export function runningOperation(part: Partial<WatchedOperation> = {}): WatchedOperation {
  const standing = { state: "running", held: false, createMs: 0, updateMs: 0, waiting: 0 };
  return { kind: "cancel-list/1", caller: "fleet-backend", ...standing, ...part };
}

/** Uses everything, so that every metric is printed with every attribute. */
export function useAll({ metrics }: Measured): void {
  const account = metrics.account("default");
  account.sent({ devices: 200, tokenWaitMs: 120 });
  account.ended(undefined, CALL);
  account.answered("nobody", [{ kind: "accepted" }]);
  metrics.reads("default", "ListOTATaskByJob").ended(undefined, CALL);
  metrics.jobCalls("default", "CancelOTATaskByJob").ended(undefined, CALL);
  const operations = metrics.operations();
  operations.committed("record", 4);
  operations.watch(() => ({
    ...{ wallMs: 5000, running: [runningOperation({ updateMs: 4000 })] },
    ...{ storedDevices: 100, mostStoredDevices: 500, mostPerCaller: 20 },
  }));
  metrics.rpcEnded("ota.v1.OtaService/CancelTasksByDevice", "OK", false, 160);
  metrics.rpcEnded("ota.v1.OtaService/CancelTasksByDevice", "UNAVAILABLE", true, 5);
  metrics.watchSecurity({
    auditLog: () => ({ lost: 3, waitingBytes: 700, waitingMs: 20 }),
    certificateLeftMs: () => 86_400_000,
    keysAgeMs: () => 600_000,
  });
  metrics.refused("too many in all", "192.0.2.1");
  metrics.watchProcess("1.2.3", () => 1000);
  const standing = () => aStanding({ arrived: { hiddenMs: 20, fallbackUntilMs: 0 } });
  metrics.watch(new Map([["default", { maxQueuedDevices: 1000, standing }]]), () => 1000);
}
