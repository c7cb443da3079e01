// Stores on a PostgreSQL server whose clock a test turns: the function that tells the store's time
// is replaced by one that returns a constant.
import pg from "pg";
import { systemClock } from "../../src/base/clock.js";
import { openPostgresStore, type PostgresStore } from "../../src/operations/postgres/postgres-store.js";
import type { OperationStore, StoreBounds } from "../../src/operations/store.js";
import type { HandClock } from "./hand-clock.js";
import type { PostgresServer } from "./postgres.js";
import { type StoreWorld, WIDE_BOUNDS } from "./stored-operation.js";

export interface PostgresWorld extends StoreWorld {
  readonly store: PostgresStore;
  readonly address: string;
  /** Another gateway's store, on the same database. */
  open(options?: { readonly address?: string }): Promise<PostgresStore>;
}

const START_MS = 1_800_000_000_000;
const DATABASE = "operations";

/** A new store on an empty database. */
export async function openPostgres(server: PostgresServer, bounds: StoreBounds = WIDE_BOUNDS): Promise<PostgresWorld> {
  const address = await server.database(DATABASE);
  await server.run("DROP SCHEMA IF EXISTS ota_gateway CASCADE", DATABASE);
  const stores: PostgresStore[] = [];
  const open = async (options: { readonly address?: string } = {}) => {
    const store = await openPostgresStore({ address, bounds, clock: systemClock, ...options });
    stores.push(store);
    return store;
  };
  const store = await open();
  let nowMs = START_MS;
  const set = () =>
    server.run(
      `CREATE OR REPLACE FUNCTION ota_gateway.now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT ${nowMs}::bigint'`,
      DATABASE,
    );
  await set();
  return {
    ...{ store, address, open },
    async advance(ms) {
      nowMs += ms;
      await set();
    },
    async close() {
      await Promise.all(stores.map((each) => each.close()));
    },
  };
}

/** A new store on an empty database, whose time is that of the hand clock at each call. */
export async function openFollowing(server: PostgresServer, clock: HandClock) {
  const world = await openPostgres(server);
  const client = new pg.Client({ connectionString: world.address });
  await client.connect();
  await client.query(
    `CREATE TABLE ota_gateway.hand_clock (ms bigint); INSERT INTO ota_gateway.hand_clock VALUES (0);
     CREATE OR REPLACE FUNCTION ota_gateway.now_ms() RETURNS bigint LANGUAGE sql VOLATILE
       AS 'SELECT ms FROM ota_gateway.hand_clock'`,
  );
  let toldMs = 0;
  let told: Promise<unknown> = Promise.resolve();
  const tell = () => {
    const nowMs = Math.floor(clock.wallNow());
    if (nowMs !== toldMs) told = client.query("UPDATE ota_gateway.hand_clock SET ms = $1", [nowMs]);
    toldMs = nowMs;
    return told;
  };
  const store = new Proxy<OperationStore>(world.store, {
    get: (target, name) => {
      const value = target[name as keyof OperationStore];
      if (typeof value !== "function") return value;
      return async (...values: unknown[]) => {
        await tell();
        return (value as (...values: unknown[]) => unknown).apply(target, values);
      };
    },
  });
  const close = async () => {
    await world.close();
    await client.end();
  };
  return { store, close };
}
