// Stores on a PostgreSQL server whose clock a test turns: the function that tells the store's time
// is replaced by one that returns a constant.
import { systemClock } from "../../src/base/clock.js";
import { openPostgresStore, type PostgresStore } from "../../src/operations/postgres/postgres-store.js";
import type { StoreBounds } from "../../src/operations/store.js";
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
