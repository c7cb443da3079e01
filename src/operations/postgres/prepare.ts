// Brings the schema up to date, and holds the operations of a restored copy. Any number of gateways
// may do so at once: the changes are made under one lock.
import { StoreRefused } from "../store.js";
import type { Query, Transactions } from "./transactions.js";

/** "OTAG": the key of the lock, among the advisory locks of the database. */
const LOCK = 0x4f544147;

const OLDEST_VERSION = 140_000;

/** Returns whether what the server acknowledges survives it. Rejects with StoreRefused. */
export async function prepare(transactions: Transactions, migrations: readonly string[]): Promise<boolean> {
  const { version, isDurable } = await transactions.read(readServer);
  if (version < migrations.length) await transactions.write((query) => migrate(query, migrations));
  const origin = await transactions.read(readOrigin);
  if (!origin.isKnown) await transactions.write((query) => adopt(query, origin));
  return isDurable;
}

interface ServerRow {
  readonly version: number;
  readonly encoding: string;
  readonly fsync: string;
  readonly is_there: boolean;
}

async function readServer(query: Query): Promise<{ readonly version: number; readonly isDurable: boolean }> {
  const [server] = await query<ServerRow>(
    `SELECT current_setting('server_version_num')::integer AS version, current_setting('server_encoding') AS encoding,
       current_setting('fsync') AS fsync, to_regclass('ota_gateway.migration') IS NOT NULL AS is_there`,
  );
  if (!server || server.version < OLDEST_VERSION) {
    throw new StoreRefused("OTA_STATE: the server is older than PostgreSQL 14; use a newer one");
  }
  if (server.encoding !== "UTF8") {
    throw new StoreRefused(`OTA_STATE: the database has the encoding ${server.encoding}; create one with UTF8`);
  }
  return { version: server.is_there ? await versionOf(query) : 0, isDurable: server.fsync === "on" };
}

async function versionOf(query: Query): Promise<number> {
  const [row] = await query<{ version: number | null }>("SELECT max(version) AS version FROM ota_gateway.migration");
  return row?.version ?? 0;
}

async function migrate(query: Query, migrations: readonly string[]): Promise<void> {
  await query("SELECT pg_advisory_xact_lock($1::bigint)", LOCK);
  const [schema] = await query<{ is_there: boolean }>(
    "SELECT to_regnamespace('ota_gateway') IS NOT NULL AS is_there", // a role without the right to create may be given one
  );
  if (!schema?.is_there) await query("CREATE SCHEMA ota_gateway");
  await query("CREATE TABLE IF NOT EXISTS ota_gateway.migration (version integer PRIMARY KEY)");
  for (let version = await versionOf(query); version < migrations.length; version++) {
    await query(migrations[version] as string);
    await query("INSERT INTO ota_gateway.migration VALUES ($1)", version + 1);
  }
}

/** An operation that was quiet for so long before a new timeline began is not one of a failover. */
const FAILOVER_MS = 300_000;

interface Origin {
  readonly origin: string;
  readonly timeline: string | null;
}

/**
 * A dump that is loaded has other tables, a copy of a database another number, a copied cluster
 * another identifier, and a backup that is recovered from an archive another timeline.
 */
async function readOrigin(query: Query): Promise<Origin & { readonly isKnown: boolean }> {
  const [may] = await query<{ may: boolean }>(
    "SELECT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS may",
  );
  const [cluster] = may?.may
    ? await query<{ id: string }>("SELECT system_identifier::text AS id FROM pg_catalog.pg_control_system()")
    : [];
  const [table] = await query<{ id: string; timeline: string | null }>(
    `SELECT (SELECT oid FROM pg_database WHERE datname = current_database()) || ' ' ||
         'ota_gateway.operation'::regclass::oid AS id, ota_gateway.timeline() AS timeline`,
  );
  const [known] = await query<Origin>("SELECT origin, timeline FROM ota_gateway.origin");
  const origin = `${cluster?.id ?? ""} ${table?.id ?? ""}`;
  const timeline = table?.timeline ?? null;
  return { origin, timeline, isKnown: known?.origin === origin && known.timeline === timeline };
}

async function adopt(query: Query, { origin, timeline }: Origin): Promise<void> {
  await query("SELECT pg_advisory_xact_lock($1::bigint)", LOCK);
  const [known] = await query<Origin>("SELECT origin, timeline FROM ota_gateway.origin");
  if (known && known.origin !== origin) await hold(query, 0);
  // Gateways that lived through a failover have written shortly before it; a backup is older.
  else if (known?.timeline && timeline && known.timeline !== timeline) await hold(query, FAILOVER_MS);
  await query("DELETE FROM ota_gateway.origin");
  await query("INSERT INTO ota_gateway.origin (origin, timeline) VALUES ($1, $2)", origin, timeline);
}

/** Holds the operations that nobody has written for so long. */
async function hold(query: Query, quietMs: number): Promise<void> {
  await query(
    `UPDATE ota_gateway.operation SET held = true, holder = NULL, lease_ms = NULL
     WHERE end_ms IS NULL AND ($1::bigint = 0 OR greatest(update_ms, lease_ms) < ota_gateway.now_ms() - $1::bigint)`,
    quietMs,
  );
}
