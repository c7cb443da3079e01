// A SQLite store whose clock a test turns. The database is in this thread, behind a real port.
import { MessageChannel } from "node:worker_threads";
import { serveDatabase } from "../../src/operations/sqlite/serve-database.js";
import { openSqliteStore } from "../../src/operations/sqlite/sqlite-store.js";
import type { StoreBounds } from "../../src/operations/store.js";
import { HandClock } from "./hand-clock.js";
import { type StoreWorld, WIDE_BOUNDS } from "./stored-operation.js";

/** Opens `path`; the store is in memory if there is none. */
export async function openSqlite(
  bounds: StoreBounds = WIDE_BOUNDS,
  path = ":memory:",
  clock = new HandClock(),
): Promise<StoreWorld> {
  const store = await openSqliteStore({
    path,
    bounds,
    clock,
    connect(options) {
      const { port1, port2 } = new MessageChannel();
      serveDatabase(port1, options, { wallNow: () => clock.wallNow(), now: () => clock.now() });
      return {
        post: (message) => port2.postMessage(message),
        listen: (heard, over) => void port2.on("message", heard).on("close", over),
      };
    },
  });
  return { store, advance: (ms) => clock.advance(ms), close: () => store.close() };
}
