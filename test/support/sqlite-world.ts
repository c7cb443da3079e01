// A SQLite store whose clock a test turns. The database is in this thread, behind a port that
// copies messages as a real one does. It delivers them in microtasks, so that the hand clock
// settles them.
import { type DatabasePort, serveDatabase } from "../../src/operations/sqlite/serve-database.js";
import { openSqliteStore, type Port, type SqliteStore } from "../../src/operations/sqlite/sqlite-store.js";
import type { StoreBounds } from "../../src/operations/store.js";
import { HandClock } from "./hand-clock.js";
import { type StoreWorld, WIDE_BOUNDS } from "./stored-operation.js";

export interface SqliteWorld extends StoreWorld {
  readonly store: SqliteStore;
}

/** Opens `path`; the store is in memory if there is none. */
export async function openSqlite(
  bounds: StoreBounds = WIDE_BOUNDS,
  path = ":memory:",
  clock = new HandClock(),
): Promise<SqliteWorld> {
  const store = await openSqliteStore({
    path,
    bounds,
    clock,
    connect(options) {
      const [here, there] = ports();
      serveDatabase(there, options, { wallNow: () => clock.wallNow(), now: () => clock.now() });
      return here;
    },
  });
  return { store, advance: (ms) => clock.advance(ms), close: () => store.close() };
}

function ports(): [Port, DatabasePort] {
  let toDatabase: (message: never) => void = () => {};
  let toStore: (message: never) => void = () => {};
  let over = () => {};
  const deliver = (to: () => (message: never) => void, message: unknown) => {
    const copy = structuredClone(message) as never;
    queueMicrotask(() => to()(copy));
  };
  return [
    {
      post: (message) => deliver(() => toDatabase, message),
      listen: (heard, ended) => {
        toStore = heard;
        over = ended;
      },
    },
    {
      postMessage: (message: unknown) => deliver(() => toStore, message),
      on: (_, listener) => {
        toDatabase = listener;
      },
      close: () => queueMicrotask(() => over()),
    },
  ];
}
