// The same histories of operations whose store is a real PostgreSQL, which follows the hand clock.
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { HandClock } from "../support/hand-clock.js";
import { history, MUTATED, play, playMutated } from "../support/operation-histories.js";
import { type PostgresServer, SHORT_LIVED, startPostgres } from "../support/postgres.js";
import { openFollowing } from "../support/postgres-world.js";
import { runs } from "../support/property-runs.js";
import { systemHas } from "../support/system.js";

describe.skipIf(!systemHas("postgres"))("operations in PostgreSQL", () => {
  let server: PostgresServer;
  let close = async () => {};
  /** A new store; the one of the last history is closed. */
  const open = async (clock: HandClock) => {
    await close();
    const world = await openFollowing(server, clock);
    close = world.close;
    return world.store;
  };
  beforeAll(async () => {
    server = await startPostgres({ ...SHORT_LIVED, fsync: "off" });
  });
  afterEach(async () => {
    await close();
    close = async () => {};
  });
  afterAll(() => server.end());

  it("keep their promises whatever dies, at whatever moment", async () => {
    await fc.assert(
      fc.asyncProperty(history, (each) => play(each, { open })),
      { numRuns: runs(20) },
    );
  });

  it.each(MUTATED)("break a promise if a process %s", async (mutation, steps, broken) => {
    await expect(playMutated(mutation, steps, { open })).rejects.toThrow(broken);
  });
});
