// Opens the store of operations that the settings name. Its code is loaded on demand: without an
// operation, neither a database nor a client of one is needed.
import type { Clock } from "../base/clock.js";
import { type Config, ConfigError } from "../config/config.js";
import { type OperationStore, type StoreBounds, StoreRefused } from "../operations/store.js";

export const IN_MEMORY = ":memory:";

/** In memory, all of it is lost sooner or later. */
const RETENTION_IN_MEMORY_MS = 3_600_000;
const DEVICES_IN_MEMORY = 10_000_000;

export function storeBounds(config: Config): StoreBounds {
  const { maxOperationsPerCaller: operationsPerCaller, maxStoredDevices: devices, operationRetentionMs } = config;
  if ((config.state || IN_MEMORY) !== IN_MEMORY) {
    return { operationsPerCaller, devices, retentionMs: operationRetentionMs };
  }
  return {
    operationsPerCaller,
    devices: Math.min(devices, DEVICES_IN_MEMORY),
    retentionMs: Math.min(operationRetentionMs, RETENTION_IN_MEMORY_MS),
  };
}

/** Rejects with ConfigError if the store cannot be used. */
export async function openOperationStore(config: Config, clock: Clock): Promise<OperationStore> {
  const path = config.state || IN_MEMORY;
  const bounds = storeBounds(config);
  try {
    if (/^postgres(ql)?:/.test(path)) {
      const { openPostgresStore } = await import("../operations/postgres/postgres-store.js");
      return await openPostgresStore({ address: path, bounds, clock });
    }
    const { openSqliteStore } = await import("../operations/sqlite/sqlite-store.js");
    return await openSqliteStore({ path, bounds, clock });
  } catch (error) {
    throw error instanceof StoreRefused ? new ConfigError([error.message]) : error;
  }
}
